/** Tasks that a signal ends early. */
import { Stop } from '#binding'
import { closedError } from './errors.ts'
import { wrongType } from './misuse.ts'

export function checkSignal(name: string, signal: AbortSignal | undefined): void {
  if (signal === undefined || signal instanceof AbortSignal) return
  // One of another realm is as good.
  if (typeof signal === 'object' && signal !== null && 'aborted' in signal && isTarget(signal)) return
  throw wrongType(name, 'an AbortSignal', signal)
}

const isTarget = ({ addEventListener, removeEventListener }: Partial<EventTarget>) =>
  typeof addEventListener === 'function' && typeof removeEventListener === 'function'

/** What ends each running task. */
const running = new Set<(reason: unknown) => void>()
let listening = false

/** Node waits for its pool when a process exits: for a search through a long cold file that would be minutes. */
function endWithProcess(): void {
  if (listening) return
  listening = true
  process.on('exit', () => {
    for (const end of running) end(closedError())
  })
}

/** Runs a task. When the signal is aborted it rejects with the signal's reason at once, and the task ends soon. */
export async function abortable<T>(signal: AbortSignal | undefined, task: (stop: Stop) => Promise<T>): Promise<T> {
  if (signal?.aborted) throw signal.reason
  const stop = new Stop()
  const result = task(stop)
  endWithProcess()
  return new Promise<T>((resolve, reject) => {
    const end = (reason: unknown) => {
      stop.stop()
      reject(reason)
    }
    const abort = () => end(signal?.reason)
    running.add(end)
    signal?.addEventListener('abort', abort, { once: true })
    result.then(resolve, reject).finally(() => {
      running.delete(end)
      signal?.removeEventListener('abort', abort)
    })
  })
}
