/** The benchmark: `node benchmark/run.mjs --help`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { machine } from './lib/machine.mjs'
import { help, readOptions } from './lib/options.mjs'
import { killSides } from './lib/process.mjs'
import { factsText, resultText, rowText, tableText } from './lib/report.mjs'
import { runRow } from './lib/row.mjs'
import { rows } from './trials/index.mjs'

const matches = (text) => (row) => [row.name, row.work, row.rival.does].some((part) => part.toLowerCase().includes(text.toLowerCase()))

async function main(args) {
  let options
  try {
    options = readOptions(args)
  } catch (error) {
    console.error(`${error.message}\n\n${help}`)
    return 2
  }
  if (options.help) {
    console.log(help)
    return 0
  }
  const chosen = rows.filter(matches(options.filter))
  if (chosen.length === 0) {
    console.error(`No row contains '${options.filter}'. Rows: ${rows.map((row) => row.name).join(', ')}`)
    return 2
  }
  const say = options.json === '-' ? console.error : console.log
  const folder = mkdtempSync(join(tmpdir(), 'mmap-io-bench-'))
  // Here and not in a `finally`, which a signal would leave out. A side that was just killed may still be writing: hence the retries.
  process.once('exit', () => {
    killSides()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  const facts = machine(folder)
  say(`${factsText(facts, options)}\n`)
  const results = []
  for (const row of chosen) {
    say(rowText(row))
    const result = await runRow(row, folder, options)
    results.push(result)
    say(`${resultText(result)}\n`)
  }
  say(tableText(results))
  const json = JSON.stringify({ machine: facts, quick: options.quick, timing: options.timing, results }, undefined, 2)
  if (options.json === '-') process.stdout.write(`${json}\n`)
  else if (options.json !== undefined) writeFileSync(options.json, `${json}\n`)
  return results.some((result) => result.status === 'failed') ? 1 : 0
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(128 + constants.signals[signal]))
process.exitCode = await main(process.argv.slice(2))
