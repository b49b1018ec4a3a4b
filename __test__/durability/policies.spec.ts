/** Flush policies under writers on several threads. */
import { prelude, survives } from '../support/child.ts'
import { onUnix } from '../support/conditions.ts'
import { pattern, tempFile } from '../support/files.ts'
import { workers } from '../support/worker.ts'

const WRITERS = 4
const WRITES = 300

/** Writers attach to one mapping, write 10 bytes at a time, and tell how much was pending after each write, at most. */
const program = (flushPolicy: string) => `${prelude}${workers}
  const mapping = MemoryMappedFile.openRwSync(path, { flushPolicy: ${flushPolicy} })
  const started = Array.from({ length: ${WRITERS} }, (_, at) => new Worker(${JSON.stringify(`
    import { parentPort, workerData } from 'node:worker_threads'
    import { MemoryMappedFile } from '#mmap-io'
    const { handle, at } = workerData
    const mapping = MemoryMappedFile.attach(handle)
    let most = 0
    for (let i = 0; i < ${WRITES}; i++) {
      mapping.updateRegion(at * 1000 + (i % 90) * 10, 'x'.repeat(10))
      most = Math.max(most, mapping.pendingBytes)
    }
    parentPort.postMessage(most)
    mapping.close()`)}, { eval: true, workerData: { handle: mapping.share(), at } }))
  const most = Math.max(...(await Promise.all(started.map(answer))))
  const isLast = mapping.pendingBytes
  await mapping.flush()
  print({ most, left: isLast, afterFlush: mapping.pendingBytes, closed: (mapping.close(), mapping.pendingBytes) })`

interface Pending {
  most: number
  left: number
  afterFlush: number
  closed: number
}

// A write of each thread may be counted and not yet flushed.
for (const [flushPolicy, bound] of [
  ["'always'", WRITERS * 10],
  ['{ everyBytes: 200 }', 200 + WRITERS * 10],
  ['{ everyWrites: 20 }', (20 + WRITERS) * 10],
] as const) {
  onUnix(`with ${flushPolicy} no more is ever pending than the policy says, whoever writes`, async (t) => {
    const path = tempFile(t, pattern(10_000))
    const { most, left, afterFlush } = (await survives(t, program(flushPolicy), path)) as Pending
    t.true(most <= bound, `${most} bytes were pending`)
    t.true(left <= bound, `${left} bytes were left`)
    t.is(afterFlush, 0)
  })
}

onUnix("with 'manual' everything that all threads wrote is pending until a flush", async (t) => {
  const pending = (await survives(t, program("'manual'"), tempFile(t, pattern(10_000)))) as Pending
  t.deepEqual([pending.left, pending.afterFlush, pending.closed], [WRITERS * WRITES * 10, 0, 0])
})

onUnix('with everyMillis what all threads wrote is flushed without a call', async (t) => {
  const timed = `${program('{ everyMillis: 1 }').replace('await mapping.flush()', 'while (mapping.pendingBytes > 0) await turn()')}`
  const { afterFlush } = (await survives(t, timed, tempFile(t, pattern(10_000)))) as Pending
  t.is(afterFlush, 0)
})
