// The Rust tests, by cargo-nextest where it is installed (one process per test), else by `cargo test`.
import { spawnSync } from 'node:child_process'
import { run } from './run.mjs'
import { Tally } from './tally.mjs'

const which = ['--workspace', '--all-features', '--no-fail-fast']
const colour = process.stdout.isTTY ? { CARGO_TERM_COLOR: 'always' } : {}

export async function testRust() {
  const tally = new Tally()
  const hasNextest = spawnSync('cargo', ['nextest', '--version'], { stdio: 'ignore' }).status === 0
  if (hasNextest) {
    await runCargo(tally, ['nextest', 'run', ...which], countNextest)
    await runCargo(tally, ['test', '--doc', ...which], countCargo) // nextest runs no examples of doc comments
  } else {
    await runCargo(tally, ['test', ...which], countCargo)
  }
  if (tally.passed + tally.failed === 0) tally.break('cargo ran no test')
  return tally
}

/** Runs cargo and adds to `tally` what `count` finds in its lines. */
export async function runCargo(tally, args, count, env = {}) {
  const { lines, end, ok } = await run('cargo', args, { env: { ...colour, ...env } })
  const counted = new Tally()
  for (const line of lines) count(counted, line)
  tally.add(counted)
  if (!ok && counted.failed === 0) tally.break(`cargo ${args[0]} ended with ${end}`)
}

/** `Summary [   0.138s] 29 tests run: 27 passed (1 slow), 1 failed, 1 timed out, 0 skipped` */
function countNextest(tally, line) {
  const counts = /^\s*Summary \[.*\] .*tests? run: (.*)$/.exec(line)?.[1]
  if (counts === undefined) return
  for (const [, number, outcome] of counts.replaceAll(/\(.*?\)/g, '').matchAll(/(\d+) ([a-z ]+)/g)) {
    const kind = outcome.trim()
    tally[kind === 'passed' || kind === 'skipped' ? kind : 'failed'] += Number(number)
  }
}

/** `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; ...`, once for each program */
export function countCargo(tally, line) {
  const counts = /^test result: .* (\d+) passed; (\d+) failed; (\d+) ignored/.exec(line)
  if (counts) tally.add({ passed: Number(counts[1]), failed: Number(counts[2]), skipped: Number(counts[3]) })
}
