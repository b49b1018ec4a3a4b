/** Adds to a counter that others add to as well, and tells a third integer the greatest value it knows. */
import { parentPort, workerData } from 'node:worker_threads'
import { MemoryMappedFile } from '#mmap-io'

const { path, times, greatest } = workerData as { path: string; times: number; greatest: number }
const mapping = MemoryMappedFile.openRwSync(path)
const [wide, narrow, max] = [mapping.atomicU64(8), mapping.atomicU32(4), mapping.atomicU32Slice(16, 1)]
for (let left = times; left > 0; left--) {
  wide.fetchAdd(1n)
  narrow.fetchAdd(1)
  max.at(0).fetchMax(greatest - left)
}
mapping.close()
parentPort?.postMessage('done')
