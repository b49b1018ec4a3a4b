// Whether an error is one that a caller may meet.
import { Thrown } from './values.mjs'

/** Codes of misuse, those that Node gives to URLs that are no paths included. */
const misuse =
  /^ERR_(INVALID_ARG_TYPE|INVALID_ARG_VALUE|OUT_OF_RANGE|ILLEGAL_CONSTRUCTOR|INVALID_URL_SCHEME|INVALID_FILE_URL_PATH|INVALID_FILE_URL_HOST)$/

/** What the engine itself says of a wrong `this`, a class called as a function, and a property that cannot be set. */
const ofTheEngine =
  /private (member|field)|Receiver must be|Class constructors? .*cannot be invoked|Cannot set property .* which has only a getter|Cannot assign to read only property|is not a constructor|not extensible|Illegal invocation|called on incompatible receiver|called on non-object|already running|has been revoked/

/**
 * What is wrong with an error of the public surface; undefined: nothing.
 *
 * @param isTheirs whether the engine may complain: the call was made on what is no object of its class, or a proxy lied
 */
export function complaint(error, { MmapIoError }, isTheirs) {
  if (error instanceof Thrown || error?.name === 'AbortError') return undefined
  if (error instanceof MmapIoError) {
    const { kind, code, message, name, errno, syscall } = error
    if (name !== 'MmapIoError' || typeof kind !== 'string' || typeof code !== 'string' || message === '')
      return 'an MmapIoError without its fields'
    if (errno !== undefined && !(Number.isInteger(errno) && errno < 0)) return `errno is ${errno}`
    if (errno !== undefined && syscall === undefined) return 'errno without syscall'
    if (/panick|internal error/.test(message)) return 'a panic'
    return undefined
  }
  if (error instanceof TypeError || error instanceof RangeError) {
    if (misuse.test(error.code)) return undefined
    if (error.code === undefined && (isTheirs || ofTheEngine.test(error.message))) return undefined
    return 'misuse without a code of ours'
  }
  return 'neither an MmapIoError nor misuse'
}

/** The same for the native binding, which nobody but our own code calls: it may refuse as it likes, but not panic. */
export function nativeComplaint(error) {
  if (error instanceof Thrown) return undefined
  if (!(error instanceof Error)) return 'no error'
  return /panick|internal error|overflow|index out of/i.test(error.message) ? 'a panic' : undefined
}
