// Reads a file that is being cut: every byte is the file's or 0, and what is known to be lost is told by an error of its own.
import { join } from 'node:path'
import { byteAt } from '../records.mjs'
import { isPossible, LENGTH } from './cut.mjs'

export { isPossible }
export const name = 'read cut'
const told = new Set(['Truncated', 'IoFault', 'LostWrites', 'Changed', 'OutOfBounds', 'ResizeFailed'])

export function start({ api, folder, random, wrong, count }) {
  const path = join(folder, 'cut')
  let mapping
  const reads = [
    (offset, length) => mapping.asSlice(offset, length),
    (offset, length) => mapping.readBytes(offset, length),
    (offset, length) => mapping.readInto(offset, Buffer.alloc(length)),
    (offset, length) => Buffer.from(mapping.asSlice(offset, length)),
  ]
  const attempt = async (call) => {
    try {
      return await call()
    } catch (error) {
      if (!told.has(error.kind)) throw error
      count(`told ${error.kind}`)
      return undefined
    }
  }
  return async () => {
    if (mapping === undefined || random.chance(2)) {
      mapping?.close()
      mapping = await attempt(() => api.MemoryMappedFile[random.pick(['openRo', 'openRw'])](path))
    }
    if (mapping === undefined || mapping.length === 0) return
    for (let i = 0; i < 10; i++) {
      const offset = random.below(mapping.length)
      const length = random.below(Math.min(5000, mapping.length - offset) + 1)
      const bytes = await attempt(() => random.pick(reads)(offset, length))
      bytes?.forEach((byte, at) => {
        if (byte !== 0 && byte !== byteAt(offset + at)) wrong(`byte ${offset + at} of ${LENGTH} is ${byte}`)
      })
    }
    if (random.chance(10)) await attempt(() => mapping.heal())
    if (random.chance(10)) await attempt(() => mapping.check())
    if (random.chance(10)) await attempt(() => mapping.flush())
  }
}
