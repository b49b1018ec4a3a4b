import { hasEviction, hasFaultGuard, hasResidency, pageSize as nativePageSize } from '#binding'
import { checkCount } from './arguments.ts'
import type { ViewMode } from './enums.ts'
import { outOfRange } from './misuse.ts'
import { MAX_VIEW } from './views/mapped.ts'
import { defaultView, views } from './views/mode.ts'
import { MAX_WASM_VIEW } from './views/wasm.ts'

const size = nativePageSize()

/** Size of a memory page in bytes: 4096 on most machines, 16384 on Apple silicon. */
export function pageSize(): number {
  return size
}

/**
 * The next multiple of `alignment` that is at least `value`, both in bytes.
 *
 * Throws `RangeError` (`ERR_OUT_OF_RANGE`) for an alignment that is no power of two, and when the result is past 2^53-1.
 *
 * ```js
 * alignUp(5000, pageSize()) // 8192 where pages have 4096 bytes
 * ```
 */
export function alignUp(value: number, alignment: number): number {
  checkCount('value', value)
  checkCount('alignment', alignment)
  if (alignment === 0 || 2 ** Math.round(Math.log2(alignment)) !== alignment) throw outOfRange('alignment', 'a power of two', alignment)
  const over = value % alignment
  const aligned = over === 0 ? value : value - over + alignment
  if (!Number.isSafeInteger(aligned)) throw outOfRange('value', `at most 2^53-1 when aligned to ${alignment}`, value)
  return aligned
}

/** What this runtime and platform can do. */
export const capabilities: Readonly<{
  /** View modes that can be had. */
  views: ReadonlyArray<ViewMode>
  /** What `view: 'auto'` picks. */
  defaultView: ViewMode
  /** Longest single view of the default mode in bytes. Where it is 4 GiB (Node 20), views of up to 2 GiB can be had at any offset of a longer mapping. */
  maxViewLength: number
  /** Whether pages that are lost while they are mapped are repaired (docs/safety.md). False on Windows, where a mapped file cannot be cut. */
  faultGuard: boolean
  residency: boolean
  /** Whether evict() drops pages: on Linux from the page cache, on Windows from the working set. */
  evict: boolean
  lock: boolean
  hugePages: boolean
}> = Object.freeze({
  views: Object.freeze([...views]),
  defaultView,
  maxViewLength: defaultView === 'wasm' ? Math.min(MAX_VIEW, MAX_WASM_VIEW) : MAX_VIEW,
  faultGuard: hasFaultGuard(),
  residency: hasResidency(),
  evict: hasEviction(),
  lock: true,
  hugePages: process.platform === 'linux',
})
