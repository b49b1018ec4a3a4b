/** Loading pages: which ranges, how far, and until when. */
import type { Mapping } from '#binding'
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

/** Loads pages on the pool, step by step. */
export async function load(
  native: Mapping,
  numbers: Float64Array,
  total: number,
  options: TouchOptions,
  check: () => void,
  path: string | null,
): Promise<void> {
  const { signal, onProgress } = options
  await abortable(signal, async () => {
    let left = numbers
    let done = 0
    do {
      check()
      const loaded = settle(await native.load(left), path)
      done += loaded
      left = rangesAfter(left, loaded)
      if (!signal?.aborted) onProgress?.(done, total)
    } while (done < total && !signal?.aborted)
  })
}

/** Ranges, given as offsets and lengths one after the other, without their first `bytes`. */
export function rangesAfter(numbers: Float64Array, bytes: number): Float64Array {
  let first = 0
  for (; first < numbers.length && bytes >= (numbers[first + 1] as number); first += 2) bytes -= numbers[first + 1] as number
  const left = numbers.slice(first)
  if (left.length === 0) return left
  left.set([(left[0] as number) + bytes, (left[1] as number) - bytes])
  return left
}
