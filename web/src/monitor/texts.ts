const zh = {
  title: '服务器监视',
  loading: '正在读取…',
  stale: '暂时无法读取,以下是 {time} 的状态:',
  connections: '连接',
  delivered: '送达事件',
  replayed: '其中补发 {n}/秒',
  appended: '写入事件',
  perSecond: '/秒',
  lagging: '落后的连接',
  lag: '最多落后 {n} 个事件',
  pending: '排队任务',
  queueAge: '最早的已等待 {time}',
  running: '运行中任务',
  slots: '本进程可同时运行 {n} 个',
  tasks: '各状态任务',
  workers: '工作进程',
  worker: '进程',
  here: '本进程',
  orphan: '等待接管',
  idle: '空闲',
  task: '任务',
  runs: '已运行',
  leaseAge: '上次心跳',
  ago: '{time}前',
  attempts: '尝试次数',
  id: '编号',
  principal: '身份',
  unjoined: '尚未加入',
  address: '地址',
  transport: '传输方式',
  open: '已连接',
  subscriptions: '订阅',
  all: '全部任务',
  behind: '落后事件',
  queued: '待发送',
  end: '断开',
  really: '确认断开',
  endOf: '断开连接 {id}',
  reallyOf: '确认断开连接 {id}',
  ending: '正在断开',
  ended: '已通知连接 {id} 断开。',
  none: '没有连接。',
  shown: '显示 {n} / {total},落后最多的在前',
  pendingWord: '排队中',
  runningWord: '运行中',
  pausedWord: '已暂停',
  completedWord: '已完成',
  failedWord: '失败',
  cancelledWord: '已取消',
  second: ' 秒',
  minute: ' 分',
  hour: ' 小时',
  day: ' 天',
};

/** Name of a text. */
export type Word = keyof typeof zh;

const en: Record<Word, string> = {
  title: 'Server monitor',
  loading: 'Reading…',
  stale: 'It cannot be read right now; this is the state of {time}:',
  connections: 'Connections',
  delivered: 'Events delivered',
  replayed: '{n}/s of them replayed',
  appended: 'Events stored',
  perSecond: '/s',
  lagging: 'Connections behind',
  lag: 'by {n} events at most',
  pending: 'Tasks waiting',
  queueAge: 'the oldest for {time}',
  running: 'Tasks running',
  slots: 'this process runs {n} at a time',
  tasks: 'Tasks by status',
  workers: 'Workers',
  worker: 'Process',
  here: 'this one',
  orphan: 'Waits to be taken over',
  idle: 'idle',
  task: 'Task',
  runs: 'Running for',
  leaseAge: 'Sign of life',
  ago: '{time} ago',
  attempts: 'Attempts',
  id: 'No.',
  principal: 'Who',
  unjoined: 'has not joined',
  address: 'Address',
  transport: 'Transport',
  open: 'Open for',
  subscriptions: 'Subscriptions',
  all: 'all tasks',
  behind: 'Events behind',
  queued: 'Queued',
  end: 'Disconnect',
  really: 'Really disconnect',
  endOf: 'Disconnect connection {id}',
  reallyOf: 'Really disconnect connection {id}',
  ending: 'Ending…',
  ended: 'Connection {id} was told to end.',
  none: 'Nobody is connected.',
  shown: '{n} of {total}, those furthest behind first',
  pendingWord: 'Queued',
  runningWord: 'Running',
  pausedWord: 'Paused',
  completedWord: 'Completed',
  failedWord: 'Failed',
  cancelledWord: 'Cancelled',
  second: ' s',
  minute: ' min',
  hour: ' h',
  day: ' d',
};

/** The texts of this page, apart from the others: who never opens it does not load them. */
export const TEXTS = { zh, en };

/** A language of the page. */
export type Language = keyof typeof TEXTS;

/** What writes texts, numbers and times of one language. */
export interface Writer {
  text(word: Word, values?: Record<string, string | number>): string;
  number(value: number, decimals?: number): string;
  bytes(value: number): string;
  /** Seconds in the largest unit that is full. */
  duration(seconds: number): string;
  clock(timestamp: string): string;
}

/** The writer of a language. */
export function writer(language: Language): Writer {
  const locale = language === 'zh' ? 'zh-CN' : 'en';
  const text: Writer['text'] = (word, values = {}) =>
    TEXTS[language][word].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
  const number: Writer['number'] = (value, decimals = 0) =>
    new Intl.NumberFormat(locale, { minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(value);
  return {
    text,
    number,
    bytes: (value) => (value < 1024 ? `${number(value)} B` : `${number(value / 1024, 1)} KiB`),
    duration(seconds) {
      if (seconds < 60) return number(Math.max(0, seconds)) + text('second');
      if (seconds < 3600) return number(Math.floor(seconds / 60)) + text('minute');
      if (seconds < 86_400) return number(Math.floor(seconds / 3600)) + text('hour');
      return number(Math.floor(seconds / 86_400)) + text('day');
    },
    clock: (timestamp) =>
      new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false }).format(new Date(timestamp)),
  };
}
