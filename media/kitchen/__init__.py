"""The kitchen: pictures made to order, for those who cannot take them as they come.

A process of its own beside the workers, started when somebody first orders and ended when nobody has for long. What
decodes a stranger's pictures may fall over or take its time; here neither hurts a stream. `promise` says what may be
ordered, `kitchen` orders from the server's process, `cook` makes it in the other one, `still` develops photographs.
"""
