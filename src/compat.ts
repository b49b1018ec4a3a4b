/**
 * The interface of the older packages of this name: `map`, `advise`, `incore`, `sync` and their constants, for code that is to move.
 * `MemoryMappedFile` can do more. docs/migrating.md tells what became of what.
 *
 * @packageDocumentation
 */
import { platform } from 'node:process'
import type { Mapping, OpenRequest } from '#binding'
import { checkBoolean, checkCount, checkOptionalCount, checkPositive } from './arguments.ts'
import { plainBytes } from './bytes.ts'
import { MmapAdvice, MmapMode } from './enums.ts'
import { MmapIoError, outOfBounds, settle } from './errors.ts'
import { wrongType, wrongValue } from './misuse.ts'
import { openDescriptorSync } from './open.ts'
import { pageSize } from './utilities.ts'
import { MAX_VIEW } from './views/mapped.ts'
import type { Views } from './views/views.ts'

/** Taken as PROT_READ: JavaScript has no memory that may not be read. */
export const PROT_NONE = 0
export const PROT_READ = 1
/** Stores reach the file (with MAP_SHARED) or stay in the mapping (with MAP_PRIVATE). */
export const PROT_WRITE = 2
/** Taken as PROT_READ: nothing executes the bytes. */
export const PROT_EXEC = 4

export const MAP_SHARED = 1
export const MAP_PRIVATE = 2
/** With MAP_POPULATE: no page is loaded. */
export const MAP_NONBLOCK = 0x1_0000
/** Loads every page before `map` returns. */
export const MAP_POPULATE = 0x8000

export const MADV_NORMAL = 0
export const MADV_RANDOM = 1
export const MADV_SEQUENTIAL = 2
export const MADV_WILLNEED = 3
/** Pages may go; bytes never do. */
export const MADV_DONTNEED = 4

export const MS_ASYNC = 1
export const MS_SYNC = platform === 'win32' ? 2 : platform === 'darwin' ? 16 : 4
export const MS_INVALIDATE = platform === 'win32' ? 4 : 2

/** Size of a memory page in bytes. */
export const PAGESIZE: number = pageSize()
export const PAGE_SIZE: number = PAGESIZE

const advices = new Map([
  [MADV_NORMAL, MmapAdvice.Normal],
  [MADV_RANDOM, MmapAdvice.Random],
  [MADV_SEQUENTIAL, MmapAdvice.Sequential],
  [MADV_WILLNEED, MmapAdvice.WillNeed],
  [MADV_DONTNEED, MmapAdvice.DontNeed],
])

/** What belongs to the memory of a Buffer. Kept as long as the memory is. */
interface Mapped {
  readonly native: Mapping
  readonly views: Views
  readonly byteOffset: number
  readonly length: number
}

const mappings = new WeakMap<ArrayBufferLike, Mapped>()

/**
 * Maps `size` bytes of an open file from `offset` on, which may be any byte. The memory is given back when the Buffer is garbage
 * collected; the descriptor may be closed at once.
 *
 * A map without PROT_WRITE can be stored to all the same: the stores stay in it. `size` may reach past the end of the file: bytes
 * behind it read as zeros, and stores there reach nothing (Windows: Unsupported).
 *
 * Throws `RangeError` for a size of 0, `TypeError` for unknown protections, flags or advice; {@link MmapIoError} with `code`, `errno`
 * and `syscall` for what the operating system refuses (`EBADF`; `EACCES` for PROT_WRITE with MAP_SHARED on a file that is open for reading
 * only), and Unsupported for a size beyond what one Buffer can hold (4 GiB on Node 20).
 */
export function map(size: number, protection: number, flags: number, fd: number, offset = 0, advise: number = MADV_NORMAL): Buffer {
  checkPositive('size', size)
  checkBits('protection', protection, PROT_READ | PROT_WRITE | PROT_EXEC, 'PROT_')
  checkBits('flags', flags, MAP_SHARED | MAP_PRIVATE | MAP_NONBLOCK | MAP_POPULATE, 'MAP_')
  const isShared = (flags & MAP_SHARED) !== 0
  if (isShared === ((flags & MAP_PRIVATE) !== 0)) throw wrongValue('flags', 'one of MAP_SHARED and MAP_PRIVATE', flags)
  checkCount('offset', offset)
  const advice = adviceOf(advise)
  if (size > MAX_VIEW)
    throw new MmapIoError(
      'Unsupported',
      `This runtime limits one Buffer to ${MAX_VIEW} bytes; map ${size} bytes in parts, or with MemoryMappedFile`,
    )
  const mode = (protection & PROT_WRITE) === 0 ? MmapMode.ReadOnly : isShared ? MmapMode.ReadWrite : MmapMode.CopyOnWrite
  const native: OpenRequest = {
    mode,
    create: 'never',
    offset,
    length: size,
    pastEnd: true,
    allocate: false,
    touch: (flags & (MAP_POPULATE | MAP_NONBLOCK)) === MAP_POPULATE,
    hugePages: false,
    ...(advise !== MADV_NORMAL && { advice }),
  }
  const opened = openDescriptorSync(fd, () => ({ native, view: 'auto', flushPolicy: 'manual' }))
  const { views } = opened
  if (!views.live) throw new MmapIoError('Unsupported', `No view of ${size} mapped bytes can be had here; use readInto of MemoryMappedFile`)
  const buffer = views.cut(0, size)
  views.leave()
  mappings.set(buffer.buffer, { native: opened.native, views, byteOffset: buffer.byteOffset, length: size })
  return buffer
}

/**
 * Tells how a mapped Buffer, or a part of it, is going to be used. The Buffer may be a part of the one that `map` gave. Throws
 * `TypeError` for a Buffer that is no mapping and for unknown advice, OutOfBounds.
 */
export function advise(buffer: Buffer, advice: number): void
export function advise(buffer: Buffer, offset: number, length: number, advice: number): void
export function advise(buffer: Buffer, ...rest: [number] | [number, number, number]): void {
  const [offset, length, advice] = rest.length === 1 ? [0, undefined, rest[0]] : rest
  const wanted = adviceOf(advice)
  const { native, start, size } = locate(buffer, offset, length)
  settle(native.advise(start, size, wanted), null)
}

/**
 * How many pages of a mapped Buffer are not in memory, and how many are. Throws `TypeError` for a Buffer that is no mapping,
 * Unsupported where the operating system does not tell (Windows; Linux: files that you neither own nor may write).
 */
export function incore(buffer: Buffer): [unmapped: number, mapped: number] {
  const { native, start, size } = locate(buffer)
  const { pages, residentPages } = settle(native.residency(start, size), null)
  return [pages - residentPages, residentPages]
}

/**
 * Writes a mapped Buffer, or a part of it, back to its file: `blocking` waits until the bytes are on the device, else write-back is
 * started and nothing promised. `invalidate` has no effect: all mappings of a file show the same memory. Nothing to do for a map
 * without PROT_WRITE or with MAP_PRIVATE.
 *
 * Throws `TypeError` for a Buffer that is no mapping, OutOfBounds, FlushFailed with `code`, `errno` and `syscall`.
 */
export function sync(buffer: Buffer, offset?: number, length?: number, blocking?: boolean, invalidate?: boolean): void
export function sync(buffer: Buffer, blocking: boolean, invalidate?: boolean): void
export function sync(buffer: Buffer, ...rest: unknown[]): void {
  const [offset, length, blocking, invalidate] = (typeof rest[0] === 'boolean' ? [undefined, undefined, ...rest] : rest) as Parts
  checkBoolean('blocking', blocking)
  checkBoolean('invalidate', invalidate)
  const { native, start, size } = locate(buffer, offset, length)
  settle(blocking === true ? native.flushRangeSync(start, size) : native.scheduleFlush(start, size), null)
}

type Parts = [offset?: number, length?: number, blocking?: boolean, invalidate?: boolean]

/** The mapping of a Buffer, and where a range of the Buffer lies in it. */
function locate(buffer: Buffer, offset = 0, length?: number): { native: Mapping; start: number; size: number } {
  if (!ArrayBuffer.isView(buffer)) throw wrongType('buffer', 'a Buffer', buffer)
  const bytes = plainBytes(buffer)
  const mapped = mappings.get(bytes.buffer)
  const first = bytes.byteOffset - (mapped?.byteOffset ?? 0)
  const total = bytes.length
  if (mapped === undefined || first < 0 || first + total > mapped.length) throw wrongValue('buffer', 'a Buffer that map returned', buffer)
  checkCount('offset', offset)
  checkOptionalCount('length', length)
  const size = length ?? total - offset
  if (size < 0 || offset + size > total) throw outOfBounds(offset, Math.max(0, size), total)
  return { native: mapped.native, start: first + offset, size }
}

function checkBits(name: string, value: number, known: number, prefix: string): void {
  checkCount(name, value)
  // Numbers beyond 32 bits have no bits in JavaScript.
  if (value > known || (value & ~known) !== 0) throw wrongValue(name, `made of the ${prefix} constants of this module`, value)
}

function adviceOf(value: number): MmapAdvice {
  if (typeof value !== 'number') throw wrongType('advise', 'a number', value)
  const advice = advices.get(value)
  if (advice === undefined) throw wrongValue('advise', 'one of the MADV_ constants of this module', value)
  return advice
}

export default Object.freeze({
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  PROT_EXEC,
  MAP_SHARED,
  MAP_PRIVATE,
  MAP_NONBLOCK,
  MAP_POPULATE,
  MADV_NORMAL,
  MADV_RANDOM,
  MADV_SEQUENTIAL,
  MADV_WILLNEED,
  MADV_DONTNEED,
  MS_ASYNC,
  MS_SYNC,
  MS_INVALIDATE,
  PAGESIZE,
  PAGE_SIZE,
  map,
  advise,
  incore,
  sync,
})
