// Uses the addon as Windows programs do: what is special there is that a mapped file can neither be cut nor deleted.
import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync, readFileSync, rmSync, statSync } from 'node:fs'
import { MemoryMappedFile } from '#mmap-io'

const file = 'smoke.bin'
const mapping = await MemoryMappedFile.createRw(file, 10_000)
const view = mapping.asSlice()
view.write('hello')
mapping.updateRegion(9_995, 'world')
await mapping.flush()

await mapping.resize(200_000)
assert.equal(statSync(file).size, 200_000)
mapping.updateRegion(199_996, 'tail')
assert.equal(view.toString('utf8', 0, 5), 'hello', 'a view stays valid when the file grows')

await assert.rejects(mapping.resize(5_000), { code: 'ERR_MMAP_RESIZE_FAILED' }, 'views are alive')
await mapping.resize(5_000, { detach: true })
assert.equal(statSync(file).size, 5_000)
assert.equal(view.length, 0)
mapping.flushSync()
mapping.close()

assert.equal(readFileSync(file, 'latin1').replace(/\0+$/, ''), 'hello')
const descriptor = openSync(file, 'r')
const again = await MemoryMappedFile.fromFd(descriptor)
assert.equal(again.asSlice(0, 5).toString(), 'hello')
again.close()
closeSync(descriptor)
rmSync(file)
assert.equal(existsSync(file), false, 'a closed file can be deleted')
await assert.rejects(MemoryMappedFile.openRo(file), { code: 'ENOENT', syscall: 'open' })
