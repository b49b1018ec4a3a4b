// A source of random numbers that gives the same ones again for the same seed.
import { createHash } from 'node:crypto'

/** Numbers from `seed`, any string: sfc32. */
export function randomFrom(seed) {
  const hash = createHash('sha256').update(seed).digest()
  const words = Uint32Array.from([0, 4, 8, 12], (at) => hash.readUInt32LE(at))
  const next = () => {
    const sum = words[0] + words[1] + words[3]
    words[3] += 1
    words[0] = words[1] ^ (words[1] >>> 9)
    words[1] = words[2] + (words[2] << 3)
    words[2] = ((words[2] << 21) | (words[2] >>> 11)) + sum
    return sum >>> 0
  }
  for (let i = 0; i < 12; i++) next()
  /** An integer from 0 to `limit` - 1. */
  const below = (limit) => next() % limit
  return {
    below,
    /** True in `percent` of all cases. */
    chance: (percent) => below(100) < percent,
    pick: (list) => list[below(list.length)],
  }
}
