/** Files above 4 GiB, sparse. */
import test from 'ava'
import { capabilities, MemoryMappedFile, pageSize } from '#mmap-io'
import { withLongViews } from './support/conditions.ts'
import { sparseFile } from './support/files.ts'
import { isEmptied } from './support/view.ts'

const GiB = 2 ** 30
const places = [0, 2 * GiB - 1, 2 * GiB, 4 * GiB - 1, 4 * GiB, 4 * GiB + 1, 6 * GiB - 8]

test('bytes are at the right place around 2 GiB and 4 GiB', (t) => {
  const path = sparseFile(t, 6 * GiB)
  const mapping = MemoryMappedFile.openRwSync(path)
  t.is(mapping.length, 6 * GiB)
  for (const [index, place] of places.entries()) mapping.updateRegion(place, Buffer.from([index + 1]))
  const again = MemoryMappedFile.openRoSync(path)
  for (const [index, place] of places.entries()) {
    t.is(again.asSlice(place, 1)[0], index + 1, `asSlice at ${place}`)
    t.is(again.readBytes(place, 1)[0], index + 1, `readBytes at ${place}`)
    t.is(again.readInto(place, new Uint8Array(1))[0], index + 1, `readInto at ${place}`)
    t.is(again.dataView(place, 1).getUint8(0), index + 1, `dataView at ${place}`)
    t.is(again.typedArray(Uint8Array, place, 1)[0], index + 1, `typedArray at ${place}`)
  }
  t.is(again.typedArray(Float64Array, 4 * GiB, 2).length, 2)
  t.like(again.residency(4 * GiB, 2), { pages: 1, residentBytes: 2 })
  again.close()
  mapping.close()
})

withLongViews('views of up to 2 GiB can be had at any offset, and reach over every border', (t) => {
  const mapping = MemoryMappedFile.openRwSync(sparseFile(t, 7 * GiB))
  for (const offset of [0, 1, GiB, 2 * GiB - 1, 2 * GiB + 1, 3 * GiB, 4 * GiB - 1, 5 * GiB]) {
    const view = mapping.asSlice(offset, 2 * GiB)
    t.is(view.length, 2 * GiB)
    view[2 * GiB - 1] = 0x77
    t.is(mapping.asSlice(offset + 2 * GiB - 1, 1)[0], 0x77)
    view[2 * GiB - 1] = 0
  }
  const views = [mapping.asSlice(0, 10), mapping.asSlice(5 * GiB, 10), mapping.asSlice(3 * GiB, 2 * GiB)]
  mapping.close()
  const lengths = views.map((view) => view.length)
  t.deepEqual(lengths, isEmptied ? [0, 0, 0] : [10, 10, 2 * GiB], 'close empties them all')
})

withLongViews('a view longer than the runtime can make is Unsupported and names the limit', (t) => {
  const mapping = MemoryMappedFile.openRwSync(sparseFile(t, 6 * GiB))
  if (capabilities.maxViewLength > 6 * GiB) {
    t.is(mapping.asSlice().length, 6 * GiB)
    t.is(mapping.asSlice(1).length, 6 * GiB - 1)
  } else {
    t.throws(() => mapping.asSlice(), { code: 'ERR_MMAP_UNSUPPORTED', message: new RegExp(String(capabilities.maxViewLength)) })
    t.throws(() => mapping.readBytes(), { code: 'ERR_MMAP_UNSUPPORTED' })
  }
  mapping.close()
})

test('copies reach over the borders of buffers', (t) => {
  const mapping = MemoryMappedFile.openRwSync(sparseFile(t, 6 * GiB))
  const text = Buffer.from('over the border')
  for (const border of [2 * GiB, 4 * GiB]) {
    mapping.updateRegion(border - 7, text)
    t.deepEqual(mapping.readBytes(border - 7, text.length), text)
    t.deepEqual(mapping.readInto(border - 7, Buffer.alloc(text.length)), text)
  }
  // More than one piece: 2.5 GiB of zeros with marks at both ends.
  const target = Buffer.allocUnsafeSlow(2.5 * GiB)
  mapping.updateRegion(GiB, 'first')
  mapping.updateRegion(3.5 * GiB - 4, 'last')
  mapping.readInto(GiB, target)
  t.is(target.toString('latin1', 0, 5), 'first')
  t.is(target.toString('latin1', target.length - 4), 'last')
  t.is(target.toString('latin1', GiB - 7, GiB + 8), 'over the border')
  mapping.close()
})

test('a window far into a file begins at any byte', (t) => {
  const path = sparseFile(t, 6 * GiB)
  const window = MemoryMappedFile.openRwSync(path, { offset: 5 * GiB + 3, length: 3 * pageSize() })
  window.updateRegion(0, 'window')
  const whole = MemoryMappedFile.openRoSync(path)
  t.is(whole.asSlice(5 * GiB + 3, 6).toString(), 'window')
  window.close()
  whole.close()
})

withLongViews('pendingBytes counts past 4 GiB', async (t) => {
  const mapping = MemoryMappedFile.openRwSync(sparseFile(t, 6 * GiB))
  mapping.asSliceMut(0, 3 * GiB).release()
  mapping.asSliceMut(0, 3 * GiB).release()
  t.is(mapping.pendingBytes, 6 * GiB)
  mapping.asSliceMut(0, 4 * GiB).release()
  t.is(mapping.pendingBytes, 10 * GiB)
  await mapping.flush()
  t.is(mapping.pendingBytes, 0)
  mapping.close()
})
