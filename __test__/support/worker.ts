/** Programs of workers, to be pasted into programs for `survives` and `run`. */

/**
 * The source of an expression that starts a worker. Its body sees the package's exports, `workerData` and `post`; its `workerData` is
 * `data`, an expression of the program around it.
 */
export const workerOf = (data: string, body: string): string =>
  `new Worker(${JSON.stringify(`
    import { parentPort, workerData } from 'node:worker_threads'
    import { once } from 'node:events'
    import { MemoryMappedFile, MmapIoError, capabilities } from '#mmap-io'
    const post = (value) => parentPort.postMessage(value)
    const next = async () => (await once(parentPort, 'message'))[0]
    ${body}`)}, { eval: true, workerData: ${data} })`

/** What programs with workers begin with, behind the prelude of support/child.ts. */
export const workers = `
const { Worker } = await import('node:worker_threads')
const { once } = await import('node:events')
const answer = async (worker) => (await once(worker, 'message'))[0]
`
