/** The results as text. */
import { table } from './table.mjs'

const number = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })
const nanoseconds = ({ median, low, high }) => `${number.format(median)} (${number.format(low)}-${number.format(high)})`
const ratio = ({ median, low, high }, unit) => `${number.format(median)}x ${unit} [${number.format(low)}-${number.format(high)}]`

const unit = (goal) => (goal.atLeast === undefined ? 'its time' : 'faster')

function goalText(goal) {
  if (goal.none) return 'none'
  return goal.atLeast === undefined ? `<= ${goal.atMost}x its time` : `>= ${goal.atLeast}x faster`
}

export function bytes(count) {
  const units = ['bytes', 'KiB', 'MiB', 'GiB']
  const power = Math.min(units.length - 1, Math.floor(Math.log2(count) / 10))
  return `${number.format(count / 1024 ** power)} ${units[power]}`
}

const fileText = ({ size, filled }) => (filled === size ? bytes(size) : `${bytes(size)}, sparse, ${bytes(filled)} filled`)

export function factsText(facts, { timing, quick }) {
  const lines = [
    `mmap-io ${facts.package}, Node ${facts.node} (V8 ${facts.v8}), ${facts.date}`,
    `${facts.cpu}, ${facts.cores} cores, ${facts.memoryGiB} GiB, ${facts.system}`,
    `temporary files on ${facts.temporaryFolder}${facts.transparentHugePages ? `; transparent huge pages: ${facts.transparentHugePages}` : ''}`,
    `${timing.rounds} rounds of fresh processes, in each ${timing.pairs} pairs of slices of ${timing.slice} ms; times: median and quartiles;`,
    'ratios: median over pairs with a 95 % percentile bootstrap interval, rounds drawn first, then pairs in them',
  ]
  if (quick) lines.push('QUICK: small files and short slices; it shows that all works, not how fast it is, and judges no goal')
  return lines.join('\n')
}

/** What a row does; printed before its figures come. */
export function rowText(row) {
  return [
    `${row.name}: ${row.work}`,
    `  ours      ${row.ours.does}`,
    `  rival     ${row.rival.does}`,
    `  cache     ${row.cache}`,
    `  pattern   ${row.pattern}`,
    `  verified  ${row.verified}`,
    ...(row.note ? [`  note      ${row.note}`] : []),
  ].join('\n')
}

const collections = ({ ours, rival }) => {
  const [mine, theirs] = [ours, rival].map((side) => number.format(side.fullCollectionsPerThousand))
  return mine === '0' && theirs === '0' ? [] : [`  full garbage collections per 1000 operations: ours ${mine}, rival ${theirs}`]
}

export function resultText(result) {
  if (result.status !== 'done') return `  ${result.status.toUpperCase()}: ${result.reason}`
  return [
    `  file      ${fileText(result.file)}`,
    `  ${ratio(result.ratio, unit(result.goal))}; goal ${goalText(result.goal)}: ${result.verdict}`,
    ...collections(result),
  ].join('\n')
}

export function tableText(results) {
  const head = ['row', 'file', 'ours, ns (quartiles)', 'rival, ns (quartiles)', 'ratio [95 %]', 'goal', 'result']
  const cells = results.map((result) =>
    result.status === 'done'
      ? [
          result.name,
          bytes(result.file.size),
          nanoseconds(result.ours),
          nanoseconds(result.rival),
          ratio(result.ratio, unit(result.goal)),
          goalText(result.goal),
          result.verdict,
        ]
      : [result.name, '', '', '', '', goalText(result.goal), result.status === 'failed' ? 'FAILED' : 'skipped'],
  )
  return table(head, cells)
}
