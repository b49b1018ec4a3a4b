/** One side of a row, seen from the runner. */
import { fork } from 'node:child_process'
import { join } from 'node:path'

/** Longest time that any answer may take, in milliseconds: a trial that hangs must not hang CI. */
const PATIENCE = 60_000

const running = new Set()

/** For a run that is interrupted or over. */
export function killSides() {
  for (const child of running) child.kill('SIGKILL')
}

export class SideProcess {
  #child = fork(join(import.meta.dirname, 'child.mjs'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  #settle = () => {}

  constructor() {
    running.add(this.#child)
    this.#child.on('message', (answer) => this.#settle(answer))
    this.#child.on('error', (error) => this.#settle({ failure: error.message }))
    // 'close' and not 'exit': it comes behind the last message.
    this.#child.on('close', (code, signal) => {
      running.delete(this.#child)
      this.#settle(code === 0 ? { ended: true } : { failure: `its process ended with ${signal ?? `exit code ${code}`}` })
    })
  }

  /** Sends a message and gives the answer, which may say that the side skips or failed. */
  ask(message) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE)
      this.#settle = (answer) => {
        clearTimeout(timer)
        resolve(answer)
      }
      this.#child.send(message, (error) => error && this.#settle({ failure: error.message }))
    })
  }

  kill() {
    this.#child.kill('SIGKILL')
  }
}
