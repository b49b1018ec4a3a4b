/** When a write asks for a flush. */
import type { FlushPolicy } from './enums.ts'
import type { Status } from './status.ts'

/** A test that runs after each counted write, or undefined where writes ask for nothing. */
export function flushTrigger(policy: FlushPolicy): ((status: Status) => boolean) | undefined {
  if (policy === 'always') return () => true
  if (typeof policy === 'string') return undefined
  if ('everyBytes' in policy) return (status) => status.pendingBytes >= policy.everyBytes
  if ('everyWrites' in policy) return (status) => status.pendingWrites >= policy.everyWrites
  return undefined
}
