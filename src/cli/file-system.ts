/** Names of file systems. */
import { statfs } from 'node:fs/promises'
import process from 'node:process'

/** Linux tells a number for each kind. The three of the ext family share one, and today one driver. */
const names = new Map<number, string>([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0xf2f52010, 'f2fs'],
  [0xca451a4e, 'bcachefs'],
  [0x2fc12fc1, 'zfs'],
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0x958458f6, 'hugetlbfs'],
  [0x794c7630, 'overlay'],
  [0x6969, 'nfs'],
  [0xfe534d42, 'smb2'],
  [0xff534d42, 'cifs'],
  [0x01021997, '9p'],
  [0x65735546, 'fuse'],
  [0x00c36400, 'ceph'],
  [0x0bd00bd0, 'lustre'],
  [0x01161970, 'gfs2'],
  [0x73717368, 'squashfs'],
  [0xe0f5e1e2, 'erofs'],
  [0x9660, 'iso9660'],
  [0x15013346, 'udf'],
  [0x4d44, 'fat'],
  [0x2011bab0, 'exfat'],
  [0x5346544e, 'ntfs'],
  [0x7366746e, 'ntfs3'],
  [0x3153464a, 'jfs'],
  [0x52654973, 'reiserfs'],
  [0xf15f, 'ecryptfs'],
  [0x9fa0, 'proc'],
  [0x62656572, 'sysfs'],
])

/** These may store fewer bytes than a file has because they compress them. */
const compressing = new Set(['btrfs', 'zfs', 'f2fs', 'bcachefs', 'ntfs', 'ntfs3', 'squashfs', 'erofs'])

export const mayCompress = (fileSystem: string): boolean => compressing.has(fileSystem)

/** The name for the number, else the number; other systems than Linux have other numbers, Windows none. */
export function fileSystemName(type: number): string {
  if (type === 0) return 'unknown'
  const name = process.platform === 'linux' ? names.get(type) : undefined
  return name ?? `0x${type.toString(16)}`
}

/** The kind of file system that a file lies on; 'unknown' where that cannot be asked. */
export async function fileSystemOf(path: string): Promise<string> {
  try {
    return fileSystemName((await statfs(path)).type)
  } catch {
    return 'unknown'
  }
}
