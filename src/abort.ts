/** Tasks that a signal ends early. */
import { wrongType } from './misuse.ts'

export function checkSignal(name: string, signal: AbortSignal | undefined): void {
  if (signal === undefined || signal instanceof AbortSignal) return
  // One of another realm is as good.
  if (typeof signal === 'object' && signal !== null && 'aborted' in signal && isTarget(signal)) return
  throw wrongType(name, 'an AbortSignal', signal)
}

const isTarget = ({ addEventListener, removeEventListener }: Partial<EventTarget>) =>
  typeof addEventListener === 'function' && typeof removeEventListener === 'function'

/**
 * Runs a task, whose steps look at the signal themselves. When it is aborted the promise rejects with the signal's reason at once; the step
 * that runs goes on for a moment.
 */
export async function abortable<T>(signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
  if (signal === undefined) return task()
  if (signal.aborted) throw signal.reason
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    task()
      .finally(() => signal.removeEventListener('abort', abort))
      .then(resolve, reject)
  })
}
