/** From a row to its figures. */
import { SideProcess } from './process.mjs'
import { medianWithInterval, summary } from './stats.mjs'

class Stop extends Error {
  constructor(role, answer) {
    super(answer.skip ?? `${role}: ${answer.failure ?? 'its process ended early'}`)
    this.status = answer.skip === undefined ? 'failed' : 'skipped'
  }
}

async function ask(sides, role, message) {
  const answer = await sides[role].ask(message)
  if (answer.skip !== undefined || answer.failure !== undefined || (answer.ended && message.type !== 'stop')) throw new Stop(role, answer)
  return answer
}

/** The times of both sides in fresh processes: [{ ours, rival }, ...]. */
async function round(row, file, timing, number) {
  const sides = { ours: new SideProcess(), rival: new SideProcess() }
  try {
    // The rival first: it may be missing.
    for (const role of ['rival', 'ours']) await ask(sides, role, { type: 'start', name: row.name, role, file, timing })
    const pairs = []
    for (let index = 0; index < timing.pairs; index++) {
      const seed = number * timing.pairs + index + 1
      // ours rival, rival ours, ours rival ...: whatever drifts hits both alike.
      const order = seed % 2 === 1 ? ['ours', 'rival'] : ['rival', 'ours']
      const pair = {}
      for (const role of order) pair[role] = await ask(sides, role, { type: 'slice', seed })
      pairs.push(pair)
    }
    for (const role of ['ours', 'rival']) await ask(sides, role, { type: 'stop' })
    return pairs
  } finally {
    for (const side of Object.values(sides)) side.kill()
  }
}

const collectionsPerThousand = (slices) => {
  const operations = slices.reduce((sum, slice) => sum + slice.operations, 0)
  return (slices.reduce((sum, slice) => sum + slice.collections, 0) / operations) * 1000
}

const side = (slices) => ({
  ...summary(slices.map((slice) => slice.nanoseconds)),
  fullCollectionsPerThousand: collectionsPerThousand(slices),
})

/** How many times faster ours is, or how many times the rival's time it takes, as the goal counts. */
const ratioOf = (goal) => (goal.atLeast === undefined ? (ours, rival) => ours / rival : (ours, rival) => rival / ours)

function judge(goal, { median, low, high }) {
  if (goal.none) return 'none'
  const meets = (ratio) => (goal.atLeast === undefined ? ratio <= goal.atMost : ratio >= goal.atLeast)
  const sure = meets(low) === meets(high)
  return meets(median) ? (sure ? 'met' : 'met, unsure') : sure ? 'MISSED' : 'MISSED, unsure'
}

export async function runRow(row, folder, { timing, quick }) {
  const described = { name: row.name, work: row.work, goal: row.goal }
  try {
    const file = await row.setup(folder, quick)
    const rounds = []
    for (let number = 0; number < timing.rounds; number++) rounds.push(await round(row, file, timing, number))
    const pairs = rounds.flat()
    const ratio = ratioOf(row.goal)
    const ratios = rounds.map((all) => all.map(({ ours, rival }) => ratio(ours.nanoseconds, rival.nanoseconds)))
    const result = medianWithInterval(ratios)
    return {
      ...described,
      status: 'done',
      file: { size: file.size, filled: file.filled },
      ours: side(pairs.map(({ ours }) => ours)),
      rival: side(pairs.map(({ rival }) => rival)),
      ratio: result,
      verdict: quick ? 'not judged' : judge(row.goal, result),
      pairs: rounds.map((all) => all.map(({ ours, rival }) => [ours.nanoseconds, rival.nanoseconds])),
    }
  } catch (error) {
    return { ...described, status: error.status ?? 'failed', reason: error instanceof Stop ? error.message : error.stack }
  }
}
