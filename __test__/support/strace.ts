/** System calls that a program makes, told by `strace`. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { prelude } from './child.ts'
import { tempFolder } from './files.ts'

// It may be there and be forbidden to trace.
const works = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0

/** Tests that need `strace`; skipped where it is not there, or may not trace. */
export const withStrace = works ? test : test.skip

export interface Traced {
  /** What the program printed, parsed. */
  printed: unknown
  /** Its syncs, between the marks that it set, by mark. */
  syncs: Record<string, Sync[]>
}

export interface Sync {
  call: string
  /** Address, for calls that are given one. */
  address: number
  length: number
  flags: string
}

const root = join(import.meta.dirname, '..', '..')

/**
 * Runs a program that begins like those of support/child.ts. It says `mark(name)` where a new part begins, and `log` names the file
 * that tells what it called so far. `faults` are injections as `strace` takes them, such as `msync:error=EIO:when=1`; they count for
 * each thread.
 */
export function traced(t: ExecutionContext, program: string, path: string, faults: string[] = []): Traced {
  const log = join(tempFolder(t), 'strace')
  const options = ['-f', '-o', log, '-e', 'trace=msync,fsync,fdatasync,sync_file_range,write', '-s', '40']
  const source = `${prelude}const [, log] = process.argv.slice(1)\nconst mark = (name) => fs.writeSync(2, 'mark ' + name + '\\n')\n${program}`
  const node = [process.execPath, '--expose-gc', '--input-type=module', '--eval', source, '--', path, log]
  const { status, stdout, stderr } = spawnSync('strace', [...options, ...faults.map((fault) => `-einject=${fault}`), ...node], {
    cwd: root,
    encoding: 'utf8',
  })
  t.is(status, 0, stderr)
  const syncs: Record<string, Sync[]> = {}
  let part: Sync[] = []
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const [, mark] = /write\(2, "mark (\w+)/.exec(line) ?? []
    if (mark !== undefined) {
      part = []
      syncs[mark] = part
    }
    const [, call, address = '0', length = '0', flags = ''] = /\b(\w*sync\w*)\((\w+)(?:, (\d+), (\w+))?/.exec(line) ?? []
    if (call !== undefined) part.push({ call, address: Number(address), length: Number(length), flags })
  }
  return { printed: JSON.parse(stdout), syncs }
}
