import { MmapIoError } from '#mmap-io'

/** How a call ended: 'ok', the kind of an MmapIoError, or the code of a misuse error. */
export async function outcome(call: () => unknown): Promise<string> {
  try {
    const result = call()
    if (result instanceof Promise) await result
    return 'ok'
  } catch (error) {
    if (error instanceof MmapIoError) return error.kind
    if (error instanceof TypeError || error instanceof RangeError) return String((error as { code?: string }).code)
    return `unexpected ${String(error)}`
  }
}
