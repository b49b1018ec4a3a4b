// Writes the records of its own in every way in which bytes get into a file.
import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { COUNT, writeRecord } from '../records.mjs'

export const name = 'write'

export function start({ api, folder, random, writer, writers, background }) {
  const path = join(folder, 'records')
  const flushPolicy = random.pick(['manual', 'manual', { everyWrites: 500 }, { everyBytes: 100_000 }, { everyMillis: 20 }])
  let mapping = api.MemoryMappedFile.openRwSync(path, { flushPolicy })
  const fd = openSync(path, 'r+')
  const stores = [
    (offset, bytes) => mapping.updateRegion(offset, bytes),
    (offset, bytes) => mapping.asSlice(offset, bytes.length).set(bytes),
    (offset, bytes) => {
      const view = mapping.dataView(offset, bytes.length)
      for (const [at, byte] of bytes.entries()) view.setUint8(at, byte)
    },
    (offset, bytes) => writeSync(fd, bytes, 0, bytes.length, offset),
    (offset, bytes) => {
      const slice = mapping.asSliceMut(offset, bytes.length)
      slice.bytes.set(bytes)
      slice.release()
    },
  ]
  return () => {
    const words = mapping.typedArray(Uint32Array)
    for (let i = 0; i < 50; i++) writeRecord(words, writer + writers * random.below(Math.floor(COUNT / writers)), random.pick(stores))
    if (random.chance(10)) background(mapping.flush())
    if (random.chance(5)) background(mapping.flushRange(random.below(4000), random.below(4000)))
    if (random.chance(2)) mapping.flushSync()
    if (random.chance(2)) {
      mapping.close({ detach: random.chance(50) })
      mapping = api.MemoryMappedFile.openRwSync(path, { flushPolicy })
    }
  }
}
