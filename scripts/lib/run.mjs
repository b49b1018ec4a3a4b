// Runs a program, shows what it prints as it comes, and keeps it for counting.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { stripVTControlCharacters } from 'node:util'

export const root = join(import.meta.dirname, '..', '..')

/**
 * Runs `command`. Resolves with how it ended and the lines of its standard output and error, without colours. `render` turns a line of
 * standard output into what is shown for it (null: nothing).
 */
export function run(command, args, { env = {}, cwd = root, render = (line) => line } = {}) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const lines = []
  const follow = (stream, target, shown) =>
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
      lines.push(stripVTControlCharacters(line))
      const text = shown(line)
      if (text !== null) target.write(`${text}\n`)
    })
  follow(child.stdout, process.stdout, render)
  follow(child.stderr, process.stderr, (line) => line)
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ lines, end: error.message, ok: false }))
    child.on('close', (code, signal) => resolve({ lines, end: signal ? `signal ${signal}` : `code ${code}`, ok: code === 0 }))
  })
}

/** Runs npm, which is a script for Node and on Windows no program of its own. */
export function npm(args, options) {
  const cli = process.env.npm_execpath
  return cli?.endsWith('.js') ? run(process.execPath, [cli, ...args], options) : run('npm', args, options)
}
