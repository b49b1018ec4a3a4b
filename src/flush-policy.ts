/** When a write asks for a flush. */
import type { FlushPolicy } from './enums.ts'
import type { Status } from './status.ts'

/** What runs once after each counted write and tells whether a flush is due; undefined where writes ask for nothing. */
export function flushTrigger(policy: FlushPolicy): ((status: Status) => boolean) | undefined {
  if (policy === 'always') return () => true
  if (typeof policy === 'string') return undefined
  if ('everyBytes' in policy) return (status) => status.pendingBytes >= policy.everyBytes
  if ('everyWrites' in policy) {
    return (status) => {
      status.countWrite()
      return status.pendingWrites >= policy.everyWrites
    }
  }
  return undefined
}

/** Milliseconds between flushes that nothing but time asks for. */
export const flushInterval = (policy: FlushPolicy): number | undefined =>
  typeof policy === 'object' && 'everyMillis' in policy ? policy.everyMillis : undefined
