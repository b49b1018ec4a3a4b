/** Programs that meet limits of the system which would be met by everybody else, too. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test from 'ava'

const root = join(import.meta.dirname, '..', '..')
/** A user namespace counts for itself. */
const unshare = ['-Ur', 'sh', '-ec', 'while [ "$1" != run ]; do echo "$2" > "/proc/sys/user/$1"; shift 2; done; shift; exec "$@"', 'sh']

const isPossible = spawnSync('unshare', [...unshare, 'max_inotify_watches', '1', 'run', 'true']).status === 0

/** Where a process can be given limits of its own: Linux that lets this user make user namespaces. */
export const withOwnLimits = isPossible ? test : test.skip

/** Runs a program as support/child.ts does, under limits of /proc/sys/user. */
export async function runLimited(limits: Record<string, number>, source: string, path: string) {
  const pairs = Object.entries(limits).flatMap(([name, value]) => [name, String(value)])
  const node = [process.execPath, '--input-type=module', '--eval', source, '--', path]
  const child = spawn('unshare', [...unshare, ...pairs, 'run', ...node], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code, stdout, stderr }
}
