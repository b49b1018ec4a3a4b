/** One side of a row, seen from the runner. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** Longest time that any answer may take, in milliseconds. A trial that hangs must not hang CI. */
const PATIENCE = 60_000

const running = new Set()

/** For an interrupted run. */
export function killSides() {
  for (const child of running) child.kill('SIGKILL')
}

export class SideProcess {
  #child
  #label

  constructor(row, role) {
    this.#label = `${row.name} (${role})`
    this.#child = fork(join(import.meta.dirname, 'child.mjs'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    running.add(this.#child)
    this.#child.once('exit', () => running.delete(this.#child))
  }

  /** Sends a message and gives the answer; an end of the process instead of one is a failure. */
  async ask(message) {
    const { signal, stop } = patience()
    const answered = once(this.#child, 'message', { signal })
    const ended = once(this.#child, 'exit', { signal })
    try {
      this.#child.send(message)
      const [answer, exitSignal] = await Promise.race([answered, ended])
      if (typeof answer !== 'object' || answer === null) throw new Error(`process ended early: ${exitSignal ?? `exit code ${answer}`}`)
      if (answer.failure) throw new Error(answer.failure)
      return answer
    } catch (error) {
      throw new Error(`${this.#label}: ${error.message}`)
    } finally {
      stop(answered, ended)
    }
  }
}
