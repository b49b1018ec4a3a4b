// Cuts a file that all processes map, lets it grow again and puts its bytes back, as a process that knows nothing of mappings would.
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { bytesAt } from '../records.mjs'

export const name = 'cut'
export const LENGTH = 100_000
export const isPossible = ({ capabilities }) => capabilities.faultGuard

export function start({ folder, random }) {
  const path = join(folder, 'cut')
  const bytes = bytesAt(0, LENGTH)
  return () => {
    const fd = openSync(path, 'r+')
    ftruncateSync(fd, random.pick([0, random.below(LENGTH), 4096 * random.below(20)]))
    if (random.chance(50)) ftruncateSync(fd, LENGTH)
    writeSync(fd, bytes, 0, random.chance(50) ? LENGTH : random.below(LENGTH), 0)
    closeSync(fd)
  }
}
