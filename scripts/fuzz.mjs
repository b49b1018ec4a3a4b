// Calls everything that the package exports, and its native binding, with random arguments, in processes of their own: each must end
// well, every error must be one of ours, and files that are only read must stay as they are.
//
//   npm run fuzz -- [--minutes N] [--seed S] [--surface api|binding] [--first N] [--calls N] [--sanitized]
//
// The same seed gives the same calls. `--first` begins with a later call than the first. `--sanitized`: a sanitizer is preloaded, whose
// own memory is beyond any limit, so that no large sizes can be tried.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './lib/run.mjs'
import { Tally } from './lib/tally.mjs'

/** Calls of one process. */
const CALLS = 1000
/** Milliseconds after which a process counts as hanging. */
const PATIENCE = 120_000
const child = join(root, 'scripts', 'fuzz', 'child.mjs')

const memory = process.argv.includes('--sanitized') ? ':' : 'ulimit -d 2097152'

/** Files stay small and memory is bounded, whatever sizes are asked for: 64 MiB (in blocks of 1 KiB or 512 B) and 2 GiB. */
const limited = (command) =>
  process.platform === 'win32' ? command : ['sh', '-c', `ulimit -f 65536; ${memory}; exec "$@"`, 'sh', ...command]

const folders = mkdtempSync(join(tmpdir(), 'mmap-io-fuzz-'))
process.on('exit', () => rmSync(folders, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(2))

/** Runs `calls` calls from number `first` on and tells how that ended. */
function run({ seed, surface, first, calls }) {
  const folder = mkdtempSync(join(folders, 'run-'))
  const log = `${folder}.log`
  const args = [
    '--seed',
    seed,
    '--surface',
    surface,
    '--first',
    first,
    '--calls',
    calls,
    '--log',
    log,
    ...(given.sanitized ? ['--small'] : []),
  ].map(String)
  const [program, ...rest] = limited([process.execPath, '--expose-gc', '--no-warnings', child, ...args])
  const started = spawn(program, rest, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], timeout: PATIENCE, killSignal: 'SIGKILL' })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) {
    started[name].setEncoding('utf8').on('data', (text) => {
      texts[name] += text
    })
  }
  return new Promise((resolve, reject) => {
    started.on('error', reject)
    started.on('close', (code, signal) => {
      const last = readFileSync(log, 'utf8').trimEnd().split('\n').at(-1)
      rmSync(folder, { recursive: true, force: true })
      const report = code === 0 && texts.stdout !== '' ? JSON.parse(texts.stdout) : undefined
      resolve({ seed, surface, first, calls, report, last, end: signal ? `signal ${signal}` : `code ${code}`, said: texts.stderr.trim() })
    })
  })
}

/** The same failure with as few calls before it as it takes. */
async function shrink(failure) {
  const end = Number.parseInt(failure.last, 10) + 1
  if (Number.isNaN(end)) return failure
  for (let calls = 1; calls < end - failure.first; calls *= 4) {
    const shorter = await run({ ...failure, first: end - calls, calls })
    if (shorter.report === undefined) return shorter
  }
  return { ...failure, calls: end - failure.first }
}

function tell({ seed, surface, first, calls, last, end, said }) {
  return [
    `A process ended with ${end} in call ${last}`,
    said,
    `Again: npm run fuzz -- --seed ${seed} --surface ${surface} --first ${first} --calls ${calls}`,
  ].join('\n')
}

const { values: given } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    surface: { type: 'string' },
    first: { type: 'string' },
    calls: { type: 'string' },
    sanitized: { type: 'boolean' },
  },
})
const sum = new Tally()
const totals = { calls: 0, traps: 0 }
const seen = new Map()

async function once(what) {
  const result = await run(what)
  if (result.report === undefined) return sum.break(tell(await shrink(result)))
  sum.passed += 1
  for (const [name, count] of Object.entries(result.report.counts)) totals[name] = (totals[name] ?? 0) + count
  totals.calls += what.calls
  totals.traps += result.report.traps
  for (const [title, gave] of Object.entries(result.report.seen)) seen.set(title, seen.get(title) || gave)
}

console.log(`seed ${given.seed}`)
if (given.calls !== undefined) {
  await once({ seed: given.seed, surface: given.surface ?? 'api', first: Number(given.first ?? 0), calls: Number(given.calls) })
} else {
  const end = performance.now() + Number(given.minutes) * 60_000
  const surfaces = given.surface === undefined ? ['api', 'api', 'binding'] : [given.surface]
  for (let round = 0; round === 0 || performance.now() < end; round++) {
    await Promise.all(
      surfaces.map((surface, at) => once({ seed: given.seed, surface, first: (round * surfaces.length + at) * CALLS, calls: CALLS })),
    )
  }
}
const silent = [...seen].filter(([, gave]) => !gave).map(([title]) => title)
console.log(JSON.stringify(totals))
console.log(`${seen.size} functions and members, of which ${silent.length} never gave a value: ${silent.sort().join(', ')}`)
sum.conclude()
