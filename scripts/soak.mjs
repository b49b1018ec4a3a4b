// Readers, writers, resizers, truncators and watchers from several processes and threads hammer shared files, while every value is
// compared with what it must be; processes are killed now and then, and others take over.
//
//   npm run soak -- [--minutes N] [--seed S] [--processes N] [--corrupt FILE]
//
// `--corrupt` spoils a byte of that file half-way: this must end as a failure.
import { spawn } from 'node:child_process'
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import * as api from '#mmap-io'
import { randomFrom } from './fuzz/random.mjs'
import { root } from './lib/run.mjs'
import { Tally } from './lib/tally.mjs'
import { bytesAt, COUNT, readRecord, readWords, SIZE } from './soak/records.mjs'
import { SHARED } from './soak/roles/count.mjs'
import { LENGTH } from './soak/roles/cut.mjs'
import { threads } from './soak/roles/index.mjs'
import { content } from './soak/roles/search.mjs'

/** Milliseconds after its time at which a process counts as hanging. */
const PATIENCE = 60_000

const { values: given } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    processes: { type: 'string', default: '3' },
    corrupt: { type: 'string' },
  },
})
const processes = Number(given.processes)
const until = Date.now() + Number(given.minutes) * 60_000
const random = randomFrom(given.seed)
const folder = mkdtempSync(join(tmpdir(), 'mmap-io-soak-'))
const sum = new Tally()
const totals = {}
const children = new Set()
let kills = 0

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(2))

function makeFiles() {
  writeFileSync(join(folder, 'records'), Buffer.alloc(COUNT * SIZE))
  writeFileSync(join(folder, 'counters'), Buffer.alloc(4096))
  writeFileSync(join(folder, 'fixed'), bytesAt(0, 200_000))
  writeFileSync(join(folder, 'searched'), content())
  writeFileSync(join(folder, 'cut'), bytesAt(0, LENGTH))
}

/** A process of the soak, and the next one of the same number when it was killed. */
async function runProcess(number, run = 0) {
  const work = { process: number, processes, seed: `${given.seed} ${run}`, folder, until }
  const program = [join(root, 'scripts', 'soak', 'process.mjs'), JSON.stringify(work)]
  const child = spawn(process.execPath, ['--expose-gc', '--no-warnings', ...program], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      texts[name] += text
    })
  }
  const hanging = setTimeout(() => child.kill('SIGABRT'), until - Date.now() + PATIENCE)
  const [code, signal] = await new Promise((resolve) => child.on('close', (...end) => resolve(end)))
  clearTimeout(hanging)
  children.delete(child)
  if (child.isVictim) return runProcess(number, run + 1)
  if (code !== 0) return sum.break(`process ${number} ended with ${signal ? `signal ${signal}` : `code ${code}`}: ${texts.stderr}`)
  sum.passed += 1
  for (const [what, times] of Object.entries(JSON.parse(texts.stdout))) totals[what] = (totals[what] ?? 0) + times
}

/** Kills a process now and then: what it stored stays, and nobody else is disturbed. */
async function killSome() {
  while (Date.now() < until - 5000) {
    await sleep(2000 + random.below(5000))
    const child = random.pick([...children])
    if (child === undefined || Date.now() > until - 3000) continue
    child.isVictim = true
    child.kill('SIGKILL')
    kills++
  }
}

async function corrupt(name) {
  await sleep((until - Date.now()) / 2)
  const fd = openSync(join(folder, name), 'r+')
  // A byte of each record, so that none of them is written again before it is read.
  const end = Math.min(COUNT * SIZE, fstatSync(fd).size)
  for (let at = 20; at < end; at += SIZE) writeSync(fd, Buffer.from([0x5a]), 0, 1, at)
  closeSync(fd)
}

function check(title, isRight) {
  if (isRight) sum.passed += 1
  else sum.break(`✘ ${title}`)
}

console.log(`seed ${given.seed}, ${processes} processes of ${threads.length} threads, ${given.minutes} minutes`)
makeFiles()
const helpers = [killSome(), ...(given.corrupt === undefined ? [] : [corrupt(given.corrupt)])]
await Promise.all([...Array.from({ length: processes }, (_, number) => runProcess(number)), ...helpers])

// A copy of its own: Node's may begin anywhere in its buffer.
const wordsOf = (name) => new Uint32Array(Uint8Array.from(readFileSync(join(folder, name))).buffer)
const records = wordsOf('records').subarray(0, (COUNT * SIZE) / 4)
const whole = Array.from({ length: COUNT }, (_, index) => readRecord(records, index, readWords(records)))
check(
  'all records are whole at the end',
  whole.every((record) => record?.isWhole ?? kills > 0),
)
const counters = wordsOf('counters').subarray(0, 1024)
const own = counters.subarray(SHARED + 1).reduce((total, value) => total + value, 0)
// A killed process may have counted in one place and not yet in the other, in each of its threads.
check(`${counters[SHARED]} counted together, ${own} one by one`, Math.abs(counters[SHARED] - own) <= kills * threads.length)

const idle = threads.flat().filter(({ name, isPossible }) => (isPossible?.(api) ?? true) && !totals[name])
check(`${idle.map(({ name }) => name)} had no turn`, idle.length === 0)

totals.kills = kills
for (const [what, times] of Object.entries(totals).sort()) console.log(`${String(times).padStart(10)}  ${what}`)
sum.conclude()
