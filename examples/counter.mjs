// A counter that processes share: no server, no lock file, no increment lost.
//
//   node examples/counter.mjs [file]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { MemoryMappedFile } from 'mmap-io'

const [path = 'counters.bin', slot] = process.argv.slice(2)

// Whoever comes first creates the file; it keeps its counts when all have gone.
const file = await MemoryMappedFile.openOrCreate(path, 64)
const total = file.atomicU64(0)

if (slot === undefined) {
  const processes = [1, 2, 3, 4].map((slot) => fork(import.meta.filename, [path, String(slot)]))
  await Promise.all(processes.map((process) => once(process, 'exit')))
  console.log(`${[...file.atomicU64Slice(8, 4)].join(' + ')} = ${total.load()}`)
  await file.flush()
} else {
  // One of the four: counts for everybody, and in a place of its own.
  const own = file.atomicU64(8 * Number(slot))
  for (let left = 10_000; left > 0; left--) {
    total.fetchAdd(1n)
    own.fetchAdd(1n)
  }
}
file.close()
