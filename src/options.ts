/** Options of the open functions: names, values, defaults. */
import type { FileHandle } from 'node:fs/promises'
import type { OpenRequest } from '#binding'
import { checkBoolean, checkCount, checkOptionalCount } from './arguments.ts'
import { type FlushPolicy, MmapAdvice, MmapMode, TouchHint, type ViewMode } from './enums.ts'
import { misspelled, outOfRange, wrongType, wrongValue } from './misuse.ts'

export interface MapOptions {
  /**
   * First byte of the file that is mapped, any byte offset. At the file's end: as an empty file; beyond it: OutOfBounds.
   *
   * @default 0
   */
  offset?: number
  /** Bytes mapped. Longer than the file: OutOfBounds. Default: to the end of the file. */
  length?: number
  /**
   * How JavaScript sees the memory. An explicit choice that cannot be had fails with kind 'Unsupported'.
   *
   * @default 'auto'
   */
  view?: 'auto' | ViewMode
  /** A hint for the whole mapping, bytes of a later growth included. On Windows only `'will-need'` has an effect. */
  advice?: MmapAdvice
  /**
   * When pages are loaded: `'eager'` reads one byte of each before the call ends.
   *
   * @default 'never'
   */
  touch?: TouchHint
  /**
   * Asks the kernel for huge pages: a hint, for read-write mappings on Linux, bytes of a later growth included.
   *
   * @default false
   */
  hugePages?: boolean
  /**
   * Whether pages that are lost while they are mapped are repaired (docs/safety.md). The first mapping that has this installs a handler
   * for SIGBUS; false is for programs that bring their own. The environment variable `MMAP_IO_GUARD=off` means false everywhere.
   *
   * @default true
   */
  guard?: boolean
}

export interface WritableMapOptions extends MapOptions {
  /**
   * When writes are flushed by themselves. An error of a timed flush is told by the next flush.
   *
   * @default 'manual'
   */
  flushPolicy?: FlushPolicy
  /**
   * Leave holes instead of allocating blocks when a file is created or grown. A full disk is then no error of that call
   * but a fault later.
   *
   * @default false
   */
  sparse?: boolean
}

export interface OpenOptions extends WritableMapOptions {
  /** @default 'read-only' */
  mode?: MmapMode
  /**
   * `'never'`: the file must exist. `'if-missing'`: created when absent. `'truncate'`: emptied or created. `'exclusive'`: must
   * not exist (EEXIST). Anything but `'never'` needs mode `'read-write'`.
   *
   * @default 'never'
   */
  create?: 'never' | 'if-missing' | 'truncate' | 'exclusive'
  /** Size in bytes of a file that gets created or emptied, or that exists and is empty. */
  size?: number
}

export interface AttachOptions extends Pick<MapOptions, 'view'> {}

export interface AnonymousOptions extends Pick<MapOptions, 'view' | 'hugePages'> {}

/** Checked options. */
export interface Request {
  readonly native: OpenRequest
  readonly view: 'auto' | ViewMode
  readonly flushPolicy: FlushPolicy
}

const mapNames = ['offset', 'length', 'view', 'advice', 'touch', 'hugePages', 'guard']
const writableNames = [...mapNames, 'flushPolicy', 'sparse']
const openNames = [...writableNames, 'mode', 'create', 'size']

const creations = ['never', 'if-missing', 'truncate', 'exclusive'] as const
const viewModes = ['auto', 'external', 'shared', 'wasm', 'copy'] as const

/** Options of the functions that only read, or write privately. */
export const readRequest = (mode: MmapMode, options: MapOptions | undefined): Request => parse(options, mapNames, { mode })

/** Options of the functions that open for writing; `created` is what the call itself decides. */
export const writeRequest = (options: WritableMapOptions | undefined, created: Pick<OpenOptions, 'create' | 'size'> = {}): Request => {
  checkOptionalCount('size', created.size)
  return parse(options, writableNames, { mode: MmapMode.ReadWrite, ...created })
}

/** Options of `open`. */
export const openRequest = (options: OpenOptions | undefined): Request => parse(options, openNames, {})

/** Options of `anonymous`. */
export const anonymousRequest = (options: AnonymousOptions | undefined): Request =>
  parse(options, ['view', 'hugePages'], { mode: MmapMode.ReadWrite })

/** The view of `attach`. */
export const attachedView = (options: AttachOptions | undefined): 'auto' | ViewMode => parse(options, ['view'], {}).view

/** Options of `fromFd`, which cannot create. */
export function fdRequest(options: OpenOptions | undefined): Request {
  const request = openRequest(options)
  if (request.native.create !== 'never')
    throw wrongValue('options.create', "'never' for a file that is open already", request.native.create)
  return request
}

function parse(given: OpenOptions | undefined, names: readonly string[], decided: Pick<OpenOptions, 'mode' | 'create' | 'size'>): Request {
  const options: OpenOptions = { ...pick(given, names), ...decided }
  const { offset = 0, length, size, view = 'auto', mode = MmapMode.ReadOnly, create = 'never', sparse } = options
  const { advice, touch = TouchHint.Never, hugePages = false, guard = true, flushPolicy = 'manual' } = options
  checkCount('options.offset', offset)
  checkOptionalCount('options.length', length)
  checkOptionalCount('options.size', size)
  checkOneOf('options.view', viewModes, view)
  checkMode('options.mode', mode)
  checkOneOf('options.create', creations, create)
  checkBoolean('options.sparse', sparse)
  checkBoolean('options.hugePages', hugePages)
  checkBoolean('options.guard', guard)
  checkOneOf('options.touch', Object.values(TouchHint), touch)
  if (advice !== undefined) checkAdvice('options.advice', advice)
  if (create !== 'never' && mode !== MmapMode.ReadWrite)
    throw wrongValue('options.create', `'never' unless the mode is 'read-write'`, create)
  if (create === 'never' && size !== undefined)
    throw wrongValue('options.size', `left out unless "create" says that a file may be created`, size)
  const native: OpenRequest = { mode, create, offset, allocate: sparse !== true, touch: touch === TouchHint.Eager, hugePages, guard }
  if (advice !== undefined) native.advice = advice
  if (length !== undefined) native.length = length
  if (size !== undefined) native.size = size
  return { native, view, flushPolicy: checkFlushPolicy(flushPolicy) }
}

/** The options that were given, read once, with misspelled names refused. */
export function pick<Options extends object>(given: Options | undefined, names: readonly string[]): Partial<Options> {
  if (given === undefined) return {}
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw wrongType('options', 'an object', given)
  for (const name of Object.keys(given)) {
    const known = names.includes(name) ? undefined : names.find((candidate) => isOneEditApart(name, candidate))
    if (known !== undefined) throw misspelled(name, known)
  }
  return Object.fromEntries(names.map((name) => [name, given[name as keyof Options]])) as Partial<Options>
}

/** One letter more, less or other, or two neighbours swapped. */
function isOneEditApart(a: string, b: string): boolean {
  const shorter = Math.min(a.length, b.length)
  let start = 0
  while (start < shorter && a[start] === b[start]) start++
  let end = 0
  while (end < shorter - start && a.at(-1 - end) === b.at(-1 - end)) end++
  const [left, right] = [a.slice(start, a.length - end), b.slice(start, b.length - end)]
  if (left.length === 2 && right.length === 2) return left[0] === right[1] && left[1] === right[0]
  return Math.max(left.length, right.length) === 1
}

function checkOneOf(name: string, values: readonly string[], value: unknown): void {
  if (!values.includes(value as string)) throw wrongValue(name, `one of ${values.map((known) => `'${known}'`).join(', ')}`, value)
}

export function checkAdvice(name: string, advice: MmapAdvice): void {
  checkOneOf(name, Object.values(MmapAdvice), advice)
}

export function checkMode(name: string, mode: MmapMode): MmapMode {
  checkOneOf(name, Object.values(MmapMode), mode)
  return mode
}

const intervals = ['everyBytes', 'everyWrites', 'everyMillis'] as const

function checkFlushPolicy(policy: FlushPolicy): FlushPolicy {
  if (policy === 'never' || policy === 'manual' || policy === 'always') return policy
  const known = typeof policy === 'object' && policy !== null ? intervals.filter((name) => name in policy) : []
  const [name] = known
  if (name === undefined || known.length > 1) {
    throw wrongValue('options.flushPolicy', `'never', 'manual', 'always' or an object with one of ${intervals.join(', ')}`, policy)
  }
  const every = (policy as Record<string, number>)[name] as number
  checkCount(`options.flushPolicy.${name}`, every)
  // The counter of writes has 32 bits.
  if (name === 'everyWrites' && every > 0xffff_ffff) throw outOfRange('options.flushPolicy.everyWrites', 'at most 4294967295', every)
  return every === 0 ? 'manual' : (Object.freeze({ [name]: every }) as FlushPolicy)
}

/** The number of an open file. */
export function checkFd(fd: number | FileHandle): number {
  const number: unknown = typeof fd === 'object' && fd !== null ? fd.fd : fd
  if (typeof number !== 'number') throw wrongType('fd', 'a file descriptor or a FileHandle', fd)
  // A FileHandle that was closed has the descriptor -1; that is an error of the operating system (EBADF), not misuse.
  if (number === -1 && number !== fd) return number
  if (!(Number.isInteger(number) && number >= 0 && number <= 0x7fff_ffff)) throw outOfRange('fd', 'an integer from 0 to 2147483647', number)
  return number
}
