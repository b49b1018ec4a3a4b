/** A value such that the share `q` of the values lies below it. */
export function quantile(values, q) {
  const sorted = Float64Array.from(values).sort()
  const at = (sorted.length - 1) * q
  const low = Math.floor(at)
  const below = sorted[low]
  return below + ((sorted[low + 1] ?? below) - below) * (at - low)
}

export const median = (values) => quantile(values, 0.5)

/** Median and quartiles: one slice that another program disturbed moves none of them. */
export const summary = (values) => ({ median: median(values), low: quantile(values, 0.25), high: quantile(values, 0.75) })

/**
 * Median of all values with a 95 % interval: percentile bootstrap that draws rounds first and then values in each, because the values of
 * one round come from the same two processes and resemble each other.
 */
export function medianWithInterval(rounds, resamples = 2000) {
  const random = generator(1)
  const draw = (items) => items[Math.floor(random() * items.length)]
  const medians = Array.from({ length: resamples }, () =>
    median(
      rounds.flatMap(() => {
        const round = draw(rounds)
        return round.map(() => draw(round))
      }),
    ),
  )
  return { median: median(rounds.flat()), low: quantile(medians, 0.025), high: quantile(medians, 0.975) }
}

/** Numbers from 0 to 1, the same in every run (mulberry32): the interval is a function of the figures alone. */
function generator(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
}
