import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'

const root = join(import.meta.dirname, '..', '..')

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/**
 * Runs a program, given as the source of an ES module, in a process of its own. It imports the package as `#mmap-io`; `args` reach it
 * as process.argv.slice(2) does.
 */
export function run(source: string, args: string[] = [], flags: string[] = ['--expose-gc'], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return start([...flags, '--input-type=module', '--eval', source, '--', ...args], env)
}

/** Runs a program of a file of its own. */
export function runFile(file: string, args: string[]): Promise<Ended> {
  return start([file, ...args])
}

function start(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended: Ended = { code: null, signal: null, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    ended.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    ended.stderr += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ ...ended, code, signal }))
  })
}

/** Runs a program that must end by itself, with code 0, and returns what it printed, parsed as JSON. */
export async function survives(t: ExecutionContext, source: string, ...args: string[]): Promise<unknown> {
  const { code, signal, stdout, stderr } = await run(source, args)
  t.is(signal, null, stderr)
  t.is(code, 0, stderr)
  return JSON.parse(stdout)
}

/** What programs begin with. */
export const prelude = `
import fs from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { MemoryMappedFile, MmapIoError, pageSize } from '#mmap-io'
const [path] = process.argv.slice(1)
const print = (value) => console.log(JSON.stringify(value))
const collect = async () => { for (let i = 0; i < 5; i++) { globalThis.gc(); await turn(); await turn() } }
// The first mapping of a process starts what listens for faults, which stays.
MemoryMappedFile.anonymous(1).close()
const descriptors = () => fs.readdirSync('/proc/self/fd').length
const descriptorsOf = (name) => fs.readdirSync('/proc/self/fd').filter((fd) => { try { return fs.readlinkSync('/proc/self/fd/' + fd) === name } catch { return false } }).length
// V8's heap grows by ranges of 256 KiB, up to some hundred of them.
const isHeap = (line) => {
  const [, start, end] = line.match(/^(\\w+)-(\\w+) rw-p 0+ 00:00 0 $/) ?? []
  return parseInt(end, 16) - parseInt(start, 16) === 2 ** 18
}
const maps = () => fs.readFileSync('/proc/self/maps', 'utf8').split('\\n').filter((line) => !isHeap(line)).length
const mapsOf = (name) => fs.readFileSync('/proc/self/maps', 'utf8').split('\\n').filter((line) => line.includes(name)).length
`
