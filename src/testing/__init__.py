"""What tests of further adapters need: the contracts that the ports' adapters pass.

Needs the extra ``testing``. Not imported by the service.
"""
