// What a log file tells, however long it is: entries by level, the slowest request, the last errors.
//
//   node examples/log-summary.mjs [file]
import { writeFileSync } from 'node:fs'
import { MemoryMappedFile } from 'mmap-io'

const path = process.argv[2] ?? sample('app.log')
const log = await MemoryMappedFile.openRo(path, { advice: 'sequential' })

console.log(`${log.count('\n')} lines, ${log.count(' ERROR ')} errors`)

// Line by line: nothing but the line at hand is ever copied.
const levels = new Map()
let slowest = { ms: -1, line: '' }
for (const line of log.lines()) {
  const [, level = ''] = line.split(' ', 2)
  levels.set(level, (levels.get(level) ?? 0) + 1)
  const ms = Number(/ (\d+) ms$/.exec(line)?.[1] ?? -1)
  if (ms > slowest.ms) slowest = { ms, line }
}
console.log(Object.fromEntries(levels))
console.log(`slowest: ${slowest.line}`)

// The last errors, from the end: a search backwards looks at no more of the file than it must.
for (const line of lastLinesWith(log, ' ERROR ', 3)) console.log(line)

// All of them, off the main thread.
const offsets = await log.search(' ERROR disk', { signal: AbortSignal.timeout(10_000) })
console.log(`${offsets.length} disk errors, the first at byte ${offsets[0]}`)

log.close()

function lastLinesWith(mapping, text, most) {
  const lines = []
  let at = mapping.lastIndexOf(text)
  while (at !== -1 && lines.length < most) {
    const start = at === 0 ? 0 : mapping.lastIndexOf('\n', at - 1) + 1
    lines.push(mapping.lines({ offset: start }).next().value)
    at = start === 0 ? -1 : mapping.lastIndexOf(text, start - 1)
  }
  return lines.reverse()
}

// A log of 100,000 requests.
function sample(path) {
  const lines = []
  for (let number = 0; number < 100_000; number++) {
    const seconds = String(number % 60).padStart(2, '0')
    if (number % 9973 === 0) lines.push(`12:00:${seconds} ERROR disk full while serving /items/${number}`)
    else if (number % 997 === 0) lines.push(`12:00:${seconds} WARN slow client at /items/${number}`)
    else lines.push(`12:00:${seconds} INFO GET /items/${number} ${(number * 7919) % 1009} ms`)
  }
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}
