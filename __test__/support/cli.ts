/** Runs the command as people do: as a process. */
import { type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

interface Manifest {
  version: string
  bin: Record<string, string>
}

export const root = join(import.meta.dirname, '..', '..')
export const { version, bin } = createRequire(import.meta.url)('#package') as Manifest
export const [commandName, main] = Object.entries(bin).map(([name, path]) => [name, join(root, path)] as const)[0] as readonly [
  string,
  string,
]

/** The last line of an error of usage. */
export const hint = `run \`${commandName} --help\`\n`

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface RunOptions extends Pick<SpawnOptions, 'cwd' | 'uid' | 'gid'> {
  env?: NodeJS.ProcessEnv
  /** Flags of Node itself. */
  flags?: string[]
  /** Closes the reading end of stdout before anything is written. */
  closeStdout?: boolean
}

/** Nothing of the machine that runs the tests decides about colours. */
const plain: NodeJS.ProcessEnv = { NO_COLOR: undefined, FORCE_COLOR: undefined, TERM: 'xterm' }

export function cli(args: string[], { env, flags = [], closeStdout = false, ...options }: RunOptions = {}): Promise<Ended> {
  return ended(process.execPath, [...flags, main, ...args], { ...options, env: { ...process.env, ...plain, ...env } }, closeStdout)
}

// The tests of a file all start at once. More processes than this would only wait for each other.
let free = 2 * availableParallelism()
const waiting: (() => void)[] = []

async function ended(...command: Parameters<typeof start>): Promise<Ended> {
  if (free > 0) free--
  else await new Promise<void>((resolve) => waiting.push(resolve))
  try {
    return await start(...command)
  } finally {
    const next = waiting.shift()
    if (next) next()
    else free++
  }
}

/** Milliseconds after which a command counts as hanging: before ava gives up, so that its test still cleans up. */
const PATIENCE = 60_000

function start(program: string, args: string[], options: SpawnOptions, closeStdout: boolean): Promise<Ended> {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], timeout: PATIENCE, killSignal: 'SIGKILL' })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text) => {
      texts[name] += text
    })
  }
  if (closeStdout) child.stdout?.destroy()
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, ...texts }))
  })
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** Runs the command in a terminal of `columns` columns; stderr and stdout are one then. Needs `script` of util-linux. */
export function cliInTerminal(args: string[], { env, columns = 80 }: { env?: NodeJS.ProcessEnv; columns?: number } = {}): Promise<Ended> {
  const line = `stty cols ${columns}; exec ${[process.execPath, main, ...args].map(quoted).join(' ')}`
  const options = { env: { ...process.env, ...plain, SHELL: '/bin/sh', ...env } }
  return ended('script', ['--quiet', '--return', '--command', line, '/dev/null'], options, false)
}

/** Why nothing can be run in a terminal here. */
export const noTerminal =
  process.platform === 'linux' && spawnSync('script', ['--version']).status === 0 ? undefined : 'there is no `script` of util-linux here'

/** A user who owns nothing. */
export const nobody = { uid: 65534, gid: 65534 }

/** Why the command cannot be run as another user here. */
export const noOtherUser = whyNoOtherUser()

function whyNoOtherUser(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux'
  if (process.getuid?.() !== 0) return 'only root may become another user'
  const { status, error, stderr } = spawnSync(process.execPath, [main, '--version'], { ...nobody, encoding: 'utf8', cwd: '/' })
  if (status === 0) return undefined
  return `another user cannot run it: ${error?.message ?? stderr.trim().split('\n').at(-1)}`
}
