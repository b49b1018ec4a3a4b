/** Loading pages: which ranges, how far, and until when. */
import { type Mapping, Progress, type Stop } from '#binding'
import { abortable, checkSignal } from './abort.ts'
import { checkCount } from './arguments.ts'
import { settle } from './errors.ts'
import { wrongType } from './misuse.ts'
import { pick } from './options.ts'

/** A stretch of a mapping, in bytes. */
export type Range = readonly [offset: number, length: number]

export interface TouchOptions {
  /** Ends the work early: the promise rejects with its reason, pages loaded so far stay. */
  signal?: AbortSignal
  /** Told now and then how many bytes are done, and once at the end. What it throws ends the work and rejects the promise. */
  onProgress?: (done: number, total: number) => void
}

/** How often progress is told, in milliseconds. */
const EVERY = 50

/** Offsets and lengths, one after the other; undefined: everything. */
export function toNumbers(ranges: Range | readonly Range[] | undefined): Float64Array | undefined {
  if (ranges === undefined) return undefined
  if (!Array.isArray(ranges)) throw wrongType('ranges', 'an [offset, length] pair or an array of such pairs', ranges)
  const list: readonly unknown[] = typeof ranges[0] === 'number' ? [ranges] : ranges
  const numbers: number[] = []
  for (const [index, range] of list.entries()) {
    if (!Array.isArray(range) || range.length !== 2) throw wrongType(`ranges[${index}]`, 'an [offset, length] pair', range)
    const [offset, length] = range
    checkCount(`ranges[${index}][0]`, offset)
    checkCount(`ranges[${index}][1]`, length)
    numbers.push(offset, length)
  }
  return Float64Array.from(numbers)
}

export function touchOptions(options: TouchOptions | undefined): TouchOptions {
  const { signal, onProgress } = pick(options, ['signal', 'onProgress'])
  checkSignal('options.signal', signal)
  if (onProgress !== undefined && typeof onProgress !== 'function') throw wrongType('options.onProgress', 'a function', onProgress)
  return { ...(signal && { signal }), ...(onProgress && { onProgress }) }
}

/** Loads pages on the pool. */
export async function load(
  native: Mapping,
  numbers: Float64Array,
  total: number,
  options: TouchOptions,
  path: string | null,
): Promise<void> {
  const { signal, onProgress } = options
  const progress = new Progress()
  await abortable(signal, async (stop) => {
    const task = native.load(numbers, stop, progress)
    if (onProgress === undefined) return settle(await task, path)
    const tell = (done: number) => {
      if (!signal?.aborted) onProgress(done, total)
    }
    settle(await whileTelling(() => tell(progress.done), stop, task), path)
    tell(total)
  })
}

/** Calls `tell` while a task runs; what it throws ends the task. */
function whileTelling<T>(tell: () => void, stop: Stop, task: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      try {
        tell()
      } catch (error) {
        stop.stop()
        clearInterval(timer)
        reject(error)
      }
    }, EVERY)
    task.then(resolve, reject).finally(() => clearInterval(timer))
  })
}
