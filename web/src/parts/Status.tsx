import type { TaskStatus } from '@msgalaxy/client';
import { textOr } from '../i18n';
import { Icon, type IconName } from './Icon';

const ICONS: Record<TaskStatus, IconName> = {
  pending: 'clock',
  running: 'play',
  paused: 'pause',
  completed: 'check',
  failed: 'cross',
  cancelled: 'stop',
};

/** Status of a task: icon, word and color. */
export function Status({ status }: { status: TaskStatus }) {
  return (
    <span class={`status status-${status}`} data-status={status}>
      <Icon name={ICONS[status] ?? 'clock'} fill={status === 'running'} />
      {textOr(`status.${status}`, status)}
    </span>
  );
}
