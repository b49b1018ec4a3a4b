// Reads all records in every way: each must be whole, and none may go back.
import { openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { COUNT, readRecord, readWords } from '../records.mjs'

export const name = 'read'

export function start({ api, folder, random, wrong, count }) {
  const path = join(folder, 'records')
  const newest = new Float64Array(COUNT)
  const fd = openSync(path, 'r')
  const mapping = random.chance(50) ? api.MemoryMappedFile.openRoSync(path) : api.MemoryMappedFile.openRwSync(path)
  const words = mapping.typedArray(Uint32Array)
  const reads = [readWords(words)]
  // Plain reads keep their order there; elsewhere the second look at the first word could come before them.
  if (process.arch === 'x64') {
    reads.push(
      (offset, length) => mapping.readBytes(offset, length),
      (offset, length) => mapping.readInto(offset, Buffer.alloc(length)),
      (offset, length) => Buffer.from(mapping.asSlice(offset, length)),
      (offset, length) => Buffer.from(Array.from({ length }, (_, at) => mapping.dataView(offset, length).getUint8(at))),
      (offset, length) => {
        const bytes = Buffer.alloc(length)
        readSync(fd, bytes, 0, length, offset)
        return bytes
      },
    )
  }
  return () => {
    for (let i = 0; i < 100; i++) {
      const index = random.below(COUNT)
      const record = readRecord(words, index, random.pick(reads))
      if (record === undefined) {
        count('records met while they were written')
        continue
      }
      if (!record.isWhole) wrong(`record ${index} is not what write ${record.write} stored`)
      if (record.write < newest[index]) wrong(`record ${index} went back from write ${newest[index]} to ${record.write}`)
      newest[index] = record.write
    }
  }
}
