"""What was made lately, so that it need not be made again."""

from collections import OrderedDict
from typing import Any


class Recent(OrderedDict):
    """A dictionary that forgets what was asked for longest ago, beyond so many entries."""

    def __init__(self, most: int):
        super().__init__()
        self.most = most

    def __getitem__(self, key: Any) -> Any:
        self.move_to_end(key)
        return super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        if len(self) > self.most:
            self.popitem(last=False)
