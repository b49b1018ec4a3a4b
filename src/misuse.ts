/** Errors for wrong arguments: what was expected and what came, with Node's own codes. */
import { inspect } from 'node:util'

type Misuse<E extends Error> = E & { code: string }

const withCode = <E extends Error>(error: E, code: string): Misuse<E> => Object.assign(error, { code })

/** A value as it reads in a message: short, on one line, with its type where that is not plain to see. */
function show(value: unknown): string {
  try {
    const text = inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 40, maxArrayLength: 3 })
    return typeof value === 'string' ? `the string ${text}` : text
  } catch {
    // A view of a buffer that is gone, a getter that throws.
    return `${typeof value === 'object' ? 'an' : 'a'} ${typeof value} that cannot be shown`
  }
}

export const wrongType = (name: string, expected: string, value: unknown): TypeError =>
  withCode(new TypeError(`Expected the "${name}" argument to be ${expected}, got ${show(value)}`), 'ERR_INVALID_ARG_TYPE')

export const wrongValue = (name: string, expected: string, value: unknown): TypeError =>
  withCode(new TypeError(`Expected the "${name}" argument to be ${expected}, got ${show(value)}`), 'ERR_INVALID_ARG_VALUE')

export const misspelled = (name: string, known: string): TypeError =>
  withCode(new TypeError(`Unknown option "${name}"; did you mean "${known}"?`), 'ERR_INVALID_ARG_VALUE')

export const outOfRange = (name: string, expected: string, value: unknown): RangeError =>
  withCode(new RangeError(`Expected the "${name}" argument to be ${expected}, got ${show(value)}`), 'ERR_OUT_OF_RANGE')

export const illegalConstructor = (instead: string): TypeError =>
  withCode(new TypeError(`Illegal constructor; use ${instead}`), 'ERR_ILLEGAL_CONSTRUCTOR')
