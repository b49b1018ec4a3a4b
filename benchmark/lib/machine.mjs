/** What the figures were measured on. */
import { readFileSync, statfsSync } from 'node:fs'
import os from 'node:os'

const fileSystems = new Map([
  [0xef53, 'ext4'],
  [0x01021994, 'tmpfs'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x794c7630, 'overlayfs'],
  [0x2fc12fc1, 'zfs'],
  [0x6969, 'nfs'],
  [0x1a, 'apfs'],
])

/** The text of a file that only Linux has. */
function optional(path) {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

function fileSystem(folder) {
  const { type } = statfsSync(folder)
  return fileSystems.get(type) ?? (type === 0 ? 'unknown' : `type 0x${type.toString(16)}`)
}

export function machine(folder) {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const hugePages = optional('/sys/kernel/mm/transparent_hugepage/enabled')?.match(/\[(\w+)\]/)?.[1]
  return {
    date: new Date().toISOString().slice(0, 10),
    package: version,
    node: process.versions.node,
    v8: process.versions.v8,
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    temporaryFolder: fileSystem(folder),
    // Heap memory in huge pages has far fewer TLB misses than any file, so this decides the comparison with it.
    ...(hugePages === undefined ? {} : { transparentHugePages: hugePages }),
  }
}
