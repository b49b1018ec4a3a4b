/** The timing of one side, inside its process. */
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'

let collections = 0

new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) collections++
}).observe({ entryTypes: ['gc'] })

/** Collections are told on a later turn of the event loop. */
async function fullCollections() {
  await setImmediate()
  await setImmediate()
  return collections
}

/** Nanoseconds that a run takes; what it returns is verified afterwards. */
async function time(side, operations, seed) {
  await side.prepare?.(operations, seed)
  const start = process.hrtime.bigint()
  const result = await side.run(operations, seed)
  const nanoseconds = Number(process.hrtime.bigint() - start)
  await side.verify(result, operations, seed)
  return nanoseconds
}

/**
 * Runs until everything is compiled, for `warmUp` milliseconds at least, and tells how many operations fill a slice. The runs are many and
 * grow to a part of a slice only: a function that is called often gets compiled as a whole, one that loops long only in its loop. A side
 * that names its `operations` decides itself.
 */
export async function warmUp(side, timing) {
  if (side.operations !== undefined) {
    await time(side, side.operations, 0)
    return side.operations
  }
  const start = performance.now()
  const passed = (milliseconds) => performance.now() - start > milliseconds
  let operations = 1
  let perOperation = Number.POSITIVE_INFINITY
  for (let seed = 1; !passed(timing.warmUp) || (seed < 8 && !passed(4 * timing.warmUp)); seed++) {
    const nanoseconds = await time(side, operations, seed)
    perOperation = nanoseconds / operations
    if (nanoseconds < timing.slice * 1e5) operations *= 2
  }
  return Math.max(1, Math.round((timing.slice * 1e6) / perOperation))
}

/** One slice. A tenth of it runs before the clock starts: the other side has just had the caches. One long operation does not care. */
export async function slice(side, operations, seed) {
  if (operations > 1) await time(side, Math.ceil(operations / 10), ~seed)
  const before = await fullCollections()
  const nanoseconds = await time(side, operations, seed)
  return { nanoseconds: nanoseconds / operations, operations, collections: (await fullCollections()) - before }
}
