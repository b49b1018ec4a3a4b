/** Bytes that a file is given have blocks on the device, so that a full disk is an error of the call and no fault later. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryMappedFile } from '#mmap-io'
import { onLinux } from '../support/conditions.ts'
import { tempFolder } from '../support/files.ts'

const MiB = 1 << 20
const allocated = (path: string) => statSync(path).blocks * 512

onLinux('creating and growing allocate every byte, unless sparse', async (t) => {
  const folder = tempFolder(t)
  const ways = {
    createRw: (path: string, sparse: boolean) => MemoryMappedFile.createRw(path, MiB, { sparse }),
    openOrCreate: (path: string, sparse: boolean) => MemoryMappedFile.openOrCreate(path, MiB, { sparse }),
    open: (path: string, sparse: boolean) => MemoryMappedFile.open(path, { mode: 'read-write', create: 'exclusive', size: MiB, sparse }),
  }
  for (const [name, open] of Object.entries(ways)) {
    for (const sparse of [false, true]) {
      const path = join(folder, name + sparse)
      const mapping = await open(path, sparse)
      const created = allocated(path)
      await mapping.resize(3 * MiB)
      mapping.resizeSync(4 * MiB)
      t.deepEqual([created >= MiB, allocated(path) >= 4 * MiB], [!sparse, !sparse], `${name}, sparse: ${sparse}`)
      mapping.resizeSync(MiB)
      t.true(allocated(path) < 2 * MiB, 'a shrink gives blocks back')
      mapping.close()
    }
  }
})
