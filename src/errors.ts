/** What fails beyond misuse, and how a failure of the native layer becomes an error. */
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import type { Failure } from '#binding'
import { wrongType } from './misuse.ts'

/** What went wrong: the name of the variant. */
export type MmapIoErrorKind =
  | 'Io'
  | 'InvalidMode'
  | 'OutOfBounds'
  | 'FlushFailed'
  | 'ResizeFailed'
  | 'AdviceFailed'
  | 'LockFailed'
  | 'UnlockFailed'
  | 'Misaligned'
  | 'WatchFailed'
  | 'Closed'
  | 'Truncated'
  | 'IoFault'
  | 'LostWrites'
  | 'Changed'
  | 'Unsupported'

/** What an error can tell besides its kind and message. All byte counts. */
export interface MmapIoErrorDetails {
  code?: string
  errno?: number
  syscall?: string
  path?: string
  offset?: number
  length?: number
  total?: number
  required?: number
  ranges?: ReadonlyArray<readonly [offset: number, length: number]>
  cause?: unknown
}

/**
 * Every failure that is neither misuse (`TypeError`, `RangeError`) nor an abort.
 *
 * Tell them apart by `kind`, or by `code` as with errors of `node:fs`.
 *
 * ```js
 * try {
 *   mapping.asSlice(1_000_000)
 * } catch (error) {
 *   if (error.kind === 'OutOfBounds') console.log(`only ${error.total} bytes`)
 * }
 * ```
 */
export class MmapIoError extends Error {
  static {
    Object.defineProperty(MmapIoError.prototype, 'name', { value: 'MmapIoError', writable: true, configurable: true })
  }

  /** Name of the variant. */
  readonly kind: MmapIoErrorKind
  /** Name of the operating system's error (`'ENOENT'`, `'ENOSPC'`, ...) where there was one, else `'ERR_MMAP_'` and the kind. */
  readonly code: string
  /** Number of the operating system's error, negative as in Node. */
  declare readonly errno?: number
  /** System call that failed. */
  declare readonly syscall?: string
  /** File of the mapping, where the operating system gave an error. */
  declare readonly path?: string
  /** OutOfBounds, Misaligned: first byte asked for. */
  declare readonly offset?: number
  /** OutOfBounds: bytes asked for. */
  declare readonly length?: number
  /** OutOfBounds: bytes there are. */
  declare readonly total?: number
  /** Misaligned: the offset must be a multiple of this many bytes, counted from the start of the file. */
  declare readonly required?: number
  /** LostWrites, IoFault, Truncated: the ranges concerned. */
  declare readonly ranges?: ReadonlyArray<readonly [offset: number, length: number]>

  constructor(kind: MmapIoErrorKind, message: string, details: MmapIoErrorDetails = {}) {
    if (typeof kind !== 'string') throw wrongType('kind', 'a string', kind)
    if (typeof message !== 'string') throw wrongType('message', 'a string', message)
    if (typeof details !== 'object' || details === null) throw wrongType('details', 'an object', details)
    const { cause, code, ...fields } = details
    super(message, cause === undefined ? undefined : { cause })
    this.kind = kind
    this.code = code ?? `ERR_MMAP_${kind.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()}`
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) Object.assign(this, { [name]: value })
    }
  }
}

/** An operating system's error as Node tells it. */
function osError(failure: Failure): { code: string; errno: number | undefined; text: string } | undefined {
  const known = getSystemErrorMap()
  if (failure.errno !== undefined) {
    const errno = -failure.errno
    const [code, text] = known.get(errno) ?? []
    const name = code ?? Object.entries(constants.errno).find(([, number]) => number === failure.errno)?.[0]
    return { code: name ?? `E${failure.errno}`, errno, text: text ?? 'error of the operating system' }
  }
  if (failure.code === undefined) return undefined
  const [errno, entry] = [...known].find(([, [name]]) => name === failure.code) ?? []
  return { code: failure.code, errno, text: entry?.[1] ?? 'error of the operating system' }
}

/** What failed, where the name of the system call does not tell. */
const failed: Partial<Record<MmapIoErrorKind, string>> = {
  AdviceFailed: 'advice failed: ',
  FlushFailed: 'flush failed: ',
  LockFailed: 'lock failed: ',
  UnlockFailed: 'unlock failed: ',
}

/** The error for a failure of the native layer. `destination` is the other path of a call that takes two. */
export function fromFailure(failure: Failure, path: string | null, destination?: string): MmapIoError {
  const { message, offset, length, total, syscall, ranges } = failure
  const kind = failure.kind as MmapIoErrorKind
  const os = osError(failure)
  if (!os) return new MmapIoError(kind, message, defined({ offset, length, total, syscall, ranges }))
  const where = `${syscall === undefined ? '' : `, ${syscall}`}${path === null ? '' : ` '${path}'`}${destination === undefined ? '' : ` -> '${destination}'`}`
  const said = `${os.code}: ${os.text}${where}`
  const hint = message && ` (${message})`
  const text = kind === 'Unsupported' || kind === 'LostWrites' ? `${message}: ${said}` : (failed[kind] ?? '') + said + hint
  return new MmapIoError(kind, text, defined({ code: os.code, errno: os.errno, syscall, path: path ?? undefined, ranges }))
}

/** The fields that have a value: `exactOptionalPropertyTypes` means it. */
function defined(details: { [Key in keyof MmapIoErrorDetails]: MmapIoErrorDetails[Key] | undefined }): MmapIoErrorDetails {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined))
}

/** Passes a value of the native layer on, or throws its failure. */
export function settle<T>(result: T | Failure, path: string | null, destination?: string): T {
  if (typeof result === 'object' && result !== null && Object.hasOwn(result, 'kind'))
    throw fromFailure(result as Failure, path, destination)
  return result as T
}

export const closedError = (message = 'The mapping is closed'): MmapIoError => new MmapIoError('Closed', message)

export const invalidMode = (operation: string, mode: string): MmapIoError =>
  new MmapIoError('InvalidMode', `${operation} needs a writable mapping, but this one is ${mode}`)

export const outOfBounds = (offset: number, length: number, total: number): MmapIoError =>
  new MmapIoError('OutOfBounds', `Range out of bounds: offset ${offset} and length ${length}, but the mapping has ${total} bytes`, {
    offset,
    length,
    total,
  })

export const misaligned = (offset: number, required: number): MmapIoError =>
  new MmapIoError('Misaligned', `Offset ${offset} is not aligned: its position in the file must be a multiple of ${required}`, {
    offset,
    required,
  })
