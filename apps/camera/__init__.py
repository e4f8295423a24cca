"""The camera demo: people live on screen, from a camera, a video, a folder of pictures or rendered people.

Plain Python in this package and in `sources`; Kivy is imported by `view` alone.
"""
