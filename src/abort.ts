/** Tasks that a signal ends early. */
import { Stop } from '#binding'
import { wrongType } from './misuse.ts'

export function checkSignal(name: string, signal: AbortSignal | undefined): void {
  if (signal === undefined || signal instanceof AbortSignal) return
  // One of another realm is as good.
  if (typeof signal === 'object' && signal !== null && 'aborted' in signal && isTarget(signal)) return
  throw wrongType(name, 'an AbortSignal', signal)
}

const isTarget = ({ addEventListener, removeEventListener }: Partial<EventTarget>) =>
  typeof addEventListener === 'function' && typeof removeEventListener === 'function'

/** Runs a task. When the signal is aborted it rejects with the signal's reason at once, and the task ends soon. */
export async function abortable<T>(signal: AbortSignal | undefined, task: (stop: Stop) => Promise<T>): Promise<T> {
  const stop = new Stop()
  if (signal === undefined) return task(stop)
  if (signal.aborted) throw signal.reason
  const running = task(stop)
  return new Promise<T>((resolve, reject) => {
    const abort = () => {
      stop.stop()
      reject(signal.reason)
    }
    signal.addEventListener('abort', abort, { once: true })
    running.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
