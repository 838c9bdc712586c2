"""What a device can be set to, described once (GB/T 28181-2022 9.5, A.2.3.2, A.2.6.9; 2016 A.2.3.2, A.2.6.8).

`field` says how a description looks and `types` describes every type of configuration in both editions. All that
handles a configuration works from that description and from nothing else: `reading` what a device told, `writing` what
it shall be set to, `agreeing` whether it then is, and the consoles their forms.
"""
