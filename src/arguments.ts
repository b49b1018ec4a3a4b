/** Checks of arguments (rule R2 of the contract): they run before anything else, and nothing is changed when one fails. */
import { outOfRange, wrongType } from './misuse.ts'

/** A number of bytes or elements: a safe integer >= 0. */
export function checkCount(name: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0)) refuseCount(name, value)
}

function refuseCount(name: string, value: unknown): never {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
  throw outOfRange(name, 'a safe integer >= 0', value)
}

/** The same for an argument that may be left out. */
export function checkOptionalCount(name: string, value: number | undefined): void {
  if (value !== undefined) checkCount(name, value)
}

export function checkBoolean(name: string, value: boolean | undefined): boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean') throw wrongType(name, 'a boolean', value)
  return value
}

/** A number of bytes of which there must be one. */
export function checkPositive(name: string, value: number): void {
  checkCount(name, value)
  if (value === 0) throw outOfRange(name, 'greater than 0', value)
}
